"""Frozen dataclasses to plain JSON values and back, strictly.

A decoder is built once per type from its annotations. It refuses what it does not know: unknown
and missing fields, values of another type, texts, numbers and lists beyond their bounds.
"""

import dataclasses
import types
from collections.abc import Callable, Hashable, Mapping
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from typing import (
    Annotated,
    Any,
    Literal,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from passmuster_collectors.contract.declaration import Items, Text, Whole
from passmuster_collectors.contract.decoders import (
    Decoder,
    below,
    choice_decoder,
    exactly,
    list_decoder,
    text_decoder,
    union_decoder,
    whole_decoder,
)
from passmuster_collectors.contract.errors import ContractError

T = TypeVar("T")

DEFAULT_TEXT = Text(longest=512)
DEFAULT_WHOLE = Whole(least=0, most=2**53 - 1)
DEFAULT_ITEMS = Items(most=256)
_PLAIN = frozenset({str, int, bool, type(None)})


def decode(kind: type[T], value: Any, field: str = "") -> T:
    """Return `value`, a parsed JSON value, as a `kind`.

    Raises `ContractError` naming the first field that does not fit, below the path `field`.
    """
    try:
        result: T = _decoder(cast("Hashable", kind)).decode(value)
    except ContractError as error:
        if field:
            raise below(field, error) from None
        raise
    return result


def encode(value: Any) -> Any:
    """Return the plain JSON value of a dataclass, enum, date, tuple or mapping."""
    kind = type(value)
    return value if kind in _PLAIN else _encoder(cast("Hashable", kind))(value)


def format_time(moment: datetime) -> str:
    """Return RFC 3339 in UTC with microseconds and a `Z`; `moment` must carry its zone."""
    if moment.tzinfo is None:
        raise TypeError("a time without a zone has no place in the contract")
    # Not strftime: it writes years before 1000 with fewer digits, which nothing reads back.
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_time(value: Any, field: str) -> datetime:
    """Return the UTC time in an RFC 3339 text that ends in `Z`; `ContractError` names `field`."""
    if isinstance(value, str) and len(value) <= 32 and value.endswith("Z"):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
        if moment is not None and moment.tzinfo is not None:
            return moment.astimezone(UTC)
    raise ContractError(field, "expected a UTC time such as 2026-01-31T12:00:00Z")


@cache
def _encoder(kind: Any) -> Callable[[Any], Any]:
    if issubclass(kind, Enum):
        return {member: member.value for member in kind}.__getitem__
    if issubclass(kind, datetime):
        return format_time
    if dataclasses.is_dataclass(kind):
        names = tuple(f.name for f in dataclasses.fields(kind))
        return lambda value: {name: encode(getattr(value, name)) for name in names}
    if issubclass(kind, Mapping):
        return lambda value: {key: encode(item) for key, item in value.items()}
    if issubclass(kind, tuple | list):
        return lambda value: [encode(item) for item in value]
    raise TypeError(f"{kind.__name__} has no place in the contract")


@cache
def _decoder(hint: Hashable) -> Decoder:
    return _build(hint, ())


def _build(hint: Any, bounds: tuple[Any, ...]) -> Decoder:
    origin = get_origin(hint)
    if origin is Annotated:
        inner, *extra = get_args(hint)
        return _build(inner, (*extra, *bounds))
    if origin is Literal:
        return choice_decoder({choice: choice for choice in get_args(hint)})
    if origin in (Union, types.UnionType):
        return union_decoder([_build(member, bounds) for member in get_args(hint)])
    if origin is tuple:
        item = _build(get_args(hint)[0], ())
        return list_decoder(item, _bound(bounds, Items, DEFAULT_ITEMS))
    if hint is Any:
        return Decoder(None, lambda value: value)
    if origin is not None and issubclass(origin, Mapping):
        return Decoder(frozenset({dict}), exactly(dict))
    if hint is str:
        return text_decoder(_bound(bounds, Text, DEFAULT_TEXT))
    if hint is bool:
        return Decoder(frozenset({bool}), exactly(bool))
    if hint is int:
        return whole_decoder(_bound(bounds, Whole, DEFAULT_WHOLE))
    if hint is type(None):
        return Decoder(frozenset({type(None)}), exactly(type(None)))
    if hint is datetime:
        return Decoder(frozenset({str}), lambda value: parse_time(value, ""))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return choice_decoder({member.value: member for member in hint})
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _struct_decoder(hint)
    raise TypeError(f"{hint!r} has no place in the contract")


def _bound(bounds: tuple[Any, ...], kind: type[T], default: T) -> T:
    return next((bound for bound in bounds if isinstance(bound, kind)), default)


def _struct_decoder(struct: type[Any]) -> Decoder:
    hints = get_type_hints(struct, include_extras=True)
    decoders = {f.name: _build(hints[f.name], ()).decode for f in dataclasses.fields(struct)}
    required = {
        f.name
        for f in dataclasses.fields(struct)
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    }
    exact = exactly(dict)

    def decode_struct(value: Any) -> Any:
        given = exact(value)
        if not given.keys() <= decoders.keys():
            # A refused key is the sender's text: it is named only when it is short and plain.
            stranger = min(given.keys() - decoders.keys())
            shown = stranger if stranger.isidentifier() and len(stranger) <= 40 else "(unprintable)"
            raise ContractError(shown, "unknown field")
        if not required <= given.keys():
            raise ContractError(min(required - given.keys()), "missing")
        decoded = {}
        for name, item in given.items():
            try:
                decoded[name] = decoders[name](item)
            except ContractError as error:
                raise below(name, error) from None
        return struct(**decoded)

    return Decoder(frozenset({dict}), decode_struct)
