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

from passmuster_collectors.contract import strict_json
from passmuster_collectors.contract.declaration import Items, Text, Whole
from passmuster_collectors.contract.errors import ContractError

T = TypeVar("T")
Decoder = Callable[[Any, str], Any]

DEFAULT_TEXT = Text(longest=512)
DEFAULT_WHOLE = Whole(least=0, most=2**53 - 1)
DEFAULT_ITEMS = Items(most=256)


def decode(kind: type[T], value: Any, field: str = "") -> T:
    """Return `value`, a parsed JSON value, as a `kind`.

    Raises `ContractError` naming the first field that does not fit, below the path `field`.
    """
    result: T = _decoder(cast("Hashable", kind))(value, field)
    return result


def encode(value: Any) -> Any:
    """Return the plain JSON value of a dataclass, enum, date, tuple or mapping."""
    if value is None or type(value) in (str, int, bool):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return format_time(value)
    if dataclasses.is_dataclass(value):
        return {f.name: encode(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no place in the contract")


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
def _decoder(hint: Hashable) -> Decoder:
    return _build(hint, ())


def _build(hint: Any, bounds: tuple[Any, ...]) -> Decoder:
    origin = get_origin(hint)
    if origin is Annotated:
        inner, *extra = get_args(hint)
        return _build(inner, (*extra, *bounds))
    if origin is Literal:
        return _choice_decoder({choice: choice for choice in get_args(hint)})
    if origin in (Union, types.UnionType):
        return _union_decoder(get_args(hint), bounds)
    if origin is tuple:
        return _list_decoder(get_args(hint)[0], _bound(bounds, Items, DEFAULT_ITEMS))
    if hint is Any:
        return lambda value, _: value
    if origin is not None and issubclass(origin, Mapping):
        return _object_decoder
    if hint is str:
        return _text_decoder(_bound(bounds, Text, DEFAULT_TEXT))
    if hint is bool:
        return _exact_decoder(bool)
    if hint is int:
        return _whole_decoder(_bound(bounds, Whole, DEFAULT_WHOLE))
    if hint is type(None):
        return _exact_decoder(type(None))
    if hint is datetime:
        return parse_time
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _choice_decoder({member.value: member for member in hint})
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _struct_decoder(hint)
    raise TypeError(f"{hint!r} has no place in the contract")


def _bound(bounds: tuple[Any, ...], kind: type[T], default: T) -> T:
    return next((bound for bound in bounds if isinstance(bound, kind)), default)


def _exact_decoder(kind: type) -> Decoder:
    def decode_exact(value: Any, field: str) -> Any:
        if type(value) is not kind:
            expected = strict_json.type_names[kind]
            raise ContractError(field, f"expected {expected}, not {strict_json.name_of(value)}")
        return value

    return decode_exact


def _text_decoder(bound: Text) -> Decoder:
    exact = _exact_decoder(str)

    def decode_text(value: Any, field: str) -> Any:
        if len(exact(value, field)) > bound.longest:
            raise ContractError(field, f"longer than {bound.longest} characters")
        # Lone surrogates pass through JSON escapes but can't be stored or hashed as UTF-8.
        if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
            raise ContractError(field, "not a valid Unicode text")
        if "\x00" in value:
            raise ContractError(field, "holds a NUL character")
        return value

    return decode_text


def _whole_decoder(bound: Whole) -> Decoder:
    exact = _exact_decoder(int)

    def decode_whole(value: Any, field: str) -> Any:
        if not bound.least <= exact(value, field) <= bound.most:
            raise ContractError(field, f"not between {bound.least} and {bound.most}")
        return value

    return decode_whole


def _choice_decoder(choices: Mapping[Any, Any]) -> Decoder:
    expected = ", ".join(str(choice) for choice in choices)

    def decode_choice(value: Any, field: str) -> Any:
        if not isinstance(value, str) or value not in choices:
            raise ContractError(field, f"expected one of: {expected}")
        return choices[value]

    return decode_choice


def _union_decoder(members: tuple[Any, ...], bounds: tuple[Any, ...]) -> Decoder:
    decoders = [_build(member, bounds) for member in members]

    def decode_union(value: Any, field: str) -> Any:
        problems: list[str] = []
        for decoder in decoders:
            try:
                return decoder(value, field)
            except ContractError as error:
                if error.field != field:
                    raise
                problems.append(error.problem)
        raise ContractError(field, "; or ".join(problems))

    return decode_union


def _list_decoder(item: Any, bound: Items) -> Decoder:
    decode_item = _build(item, ())
    exact = _exact_decoder(list)

    def decode_list(value: Any, field: str) -> Any:
        if len(exact(value, field)) > bound.most:
            raise ContractError(field, f"more than {bound.most} items")
        return tuple(decode_item(entry, f"{field}[{index}]") for index, entry in enumerate(value))

    return decode_list


def _object_decoder(value: Any, field: str) -> Any:
    return _exact_decoder(dict)(value, field)


def _struct_decoder(struct: type[Any]) -> Decoder:
    hints = get_type_hints(struct, include_extras=True)
    fields = {f.name: _build(hints[f.name], ()) for f in dataclasses.fields(struct)}
    required = {
        f.name
        for f in dataclasses.fields(struct)
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    }
    exact = _exact_decoder(dict)

    def decode_struct(value: Any, field: str) -> Any:
        prefix = f"{field}." if field else ""
        given = exact(value, field)
        if not given.keys() <= fields.keys():
            # A refused key is the sender's text: it is named only when it is short and plain.
            stranger = min(given.keys() - fields.keys())
            shown = stranger if stranger.isidentifier() and len(stranger) <= 40 else "(unprintable)"
            raise ContractError(f"{prefix}{shown}", "unknown field")
        missing = required - given.keys()
        if missing:
            raise ContractError(f"{prefix}{min(missing)}", "missing")
        return struct(**{name: fields[name](item, prefix + name) for name, item in given.items()})

    return decode_struct
