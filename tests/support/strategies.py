"""Arbitrary messages of the contract, made from the same annotations that its decoder reads."""

import dataclasses
import types
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from passmuster_collectors.contract.codec import DEFAULT_ITEMS, DEFAULT_TEXT, DEFAULT_WHOLE
from passmuster_collectors.contract.declaration import Items, Text, Whole

# Lists are kept short: a long one is a short one that takes longer.
MOST_ITEMS = 3
LONGEST_TEXT = 40

LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(LETTERS, max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(LETTERS, max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


def messages(kind: type) -> st.SearchStrategy[Any]:
    """Return arbitrary valid instances of a dataclass of the contract."""
    hints = get_type_hints(kind, include_extras=True)
    fields = {field.name: _values(hints[field.name]) for field in dataclasses.fields(kind)}
    return st.builds(kind, **fields)


def _values(hint: Any, bounds: tuple[Any, ...] = ()) -> st.SearchStrategy[Any]:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _values(arguments[0], (*arguments[1:], *bounds))
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in (Union, types.UnionType):
        return st.one_of([_values(member, bounds) for member in arguments])
    if origin is tuple:
        most = min(MOST_ITEMS, _bound(bounds, Items, DEFAULT_ITEMS).most)
        return st.lists(_values(arguments[0]), max_size=most).map(tuple)
    if origin is not None and issubclass(origin, Mapping):
        return st.dictionaries(st.text(LETTERS, max_size=8), json_values, max_size=3)
    return _plain_values(hint, bounds)


def _plain_values(hint: Any, bounds: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    if hint is str:
        longest = min(LONGEST_TEXT, _bound(bounds, Text, DEFAULT_TEXT).longest)
        return st.text(LETTERS, max_size=longest)
    if hint is int:
        bound = _bound(bounds, Whole, DEFAULT_WHOLE)
        return st.integers(bound.least, bound.most)
    if hint is bool:
        return st.booleans()
    if hint is type(None):
        return st.none()
    if hint is datetime:
        earliest, latest = datetime(1970, 1, 1), datetime(9999, 1, 1)  # noqa: DTZ001 - zone below
        return st.datetimes(earliest, latest, timezones=st.just(UTC))
    if issubclass(hint, Enum):
        return st.sampled_from(list(hint))
    return messages(hint)


def _bound(bounds: tuple[Any, ...], kind: type[Any], default: Any) -> Any:
    return next((bound for bound in bounds if isinstance(bound, kind)), default)
