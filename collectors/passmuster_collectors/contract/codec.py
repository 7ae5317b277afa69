"""Frozen dataclasses to plain JSON values and back, strictly.

A decoder is built once per type from its annotations. It refuses what it does not know: unknown
and missing fields, values of another type, texts, numbers and lists beyond their bounds.
"""

import dataclasses
import types
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
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

DEFAULT_TEXT = Text(longest=512)
DEFAULT_WHOLE = Whole(least=0, most=2**53 - 1)
DEFAULT_ITEMS = Items(most=256)


class _Decoder(NamedTuple):
    """Decodes a JSON value; `accepts` are the types of those it may take, None: any.

    The field that its `ContractError` names is the one below the value: whoever decodes what is
    around it puts the way there before it, so nobody writes it down for what is right.
    """

    accepts: frozenset[type] | None
    decode: Callable[[Any], Any]


def decode(kind: type[T], value: Any, field: str = "") -> T:
    """Return `value`, a parsed JSON value, as a `kind`.

    Raises `ContractError` naming the first field that does not fit, below the path `field`.
    """
    try:
        result: T = _decoder(cast("Hashable", kind)).decode(value)
    except ContractError as error:
        if field:
            raise _below(field, error) from None
        raise
    return result


def encode(value: Any) -> Any:
    """Return the plain JSON value of a dataclass, enum, date, tuple or mapping."""
    return _encoder(cast("Hashable", type(value)))(value)


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
    if kind in (str, int, bool, type(None)):
        return lambda value: value
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
def _decoder(hint: Hashable) -> _Decoder:
    return _build(hint, ())


def _build(hint: Any, bounds: tuple[Any, ...]) -> _Decoder:
    origin = get_origin(hint)
    if origin is Annotated:
        inner, *extra = get_args(hint)
        return _build(inner, (*extra, *bounds))
    if origin is Literal:
        return _choice_decoder({choice: choice for choice in get_args(hint)})
    if origin in (Union, types.UnionType):
        return _union_decoder([_build(member, bounds) for member in get_args(hint)])
    if origin is tuple:
        return _list_decoder(get_args(hint)[0], _bound(bounds, Items, DEFAULT_ITEMS))
    if hint is Any:
        return _Decoder(None, lambda value: value)
    if origin is not None and issubclass(origin, Mapping):
        return _Decoder(frozenset({dict}), _exact(dict))
    if hint is str:
        return _text_decoder(_bound(bounds, Text, DEFAULT_TEXT))
    if hint is bool:
        return _Decoder(frozenset({bool}), _exact(bool))
    if hint is int:
        return _whole_decoder(_bound(bounds, Whole, DEFAULT_WHOLE))
    if hint is type(None):
        return _Decoder(frozenset({type(None)}), _exact(type(None)))
    if hint is datetime:
        return _Decoder(frozenset({str}), lambda value: parse_time(value, ""))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _choice_decoder({member.value: member for member in hint})
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _struct_decoder(hint)
    raise TypeError(f"{hint!r} has no place in the contract")


def _bound(bounds: tuple[Any, ...], kind: type[T], default: T) -> T:
    return next((bound for bound in bounds if isinstance(bound, kind)), default)


def _below(place: str, error: ContractError) -> ContractError:
    """Return the error of a value as one of what it stands in, at `place`."""
    joint = "." if error.field and not error.field.startswith("[") else ""
    return ContractError(f"{place}{joint}{error.field}", error.problem)


def _exact(kind: type) -> Callable[[Any], Any]:
    def decode_exact(value: Any) -> Any:
        if type(value) is not kind:
            expected = strict_json.type_names[kind]
            raise ContractError("", f"expected {expected}, not {strict_json.name_of(value)}")
        return value

    return decode_exact


def _text_decoder(bound: Text) -> _Decoder:
    exact = _exact(str)

    def decode_text(value: Any) -> Any:
        if len(exact(value)) > bound.longest:
            raise ContractError("", f"longer than {bound.longest} characters")
        # Lone surrogates pass through JSON escapes but can't be stored or hashed as UTF-8.
        if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
            raise ContractError("", "not a valid Unicode text")
        if "\x00" in value:
            raise ContractError("", "holds a NUL character")
        return value

    return _Decoder(frozenset({str}), decode_text)


def _whole_decoder(bound: Whole) -> _Decoder:
    exact = _exact(int)

    def decode_whole(value: Any) -> Any:
        if not bound.least <= exact(value) <= bound.most:
            raise ContractError("", f"not between {bound.least} and {bound.most}")
        return value

    return _Decoder(frozenset({int}), decode_whole)


def _choice_decoder(choices: Mapping[Any, Any]) -> _Decoder:
    expected = ", ".join(str(choice) for choice in choices)

    def decode_choice(value: Any) -> Any:
        if not isinstance(value, str) or value not in choices:
            raise ContractError("", f"expected one of: {expected}")
        return choices[value]

    return _Decoder(frozenset({str}), decode_choice)


def _union_decoder(members: Sequence[_Decoder]) -> _Decoder:
    def decode_union(value: Any) -> Any:
        for accepts, decode_member in members:
            if accepts is None or type(value) in accepts:
                try:
                    return decode_member(value)
                except ContractError as error:
                    if error.field:
                        raise
        raise ContractError("", "; or ".join(_problems(members, value)))

    return _Decoder(None, decode_union)


def _problems(members: Sequence[_Decoder], value: Any) -> Iterator[str]:
    """Yield what each says of a value that none of them takes."""
    for member in members:
        try:
            member.decode(value)
        except ContractError as error:
            yield error.problem


def _list_decoder(item: Any, bound: Items) -> _Decoder:
    decode_item = _build(item, ()).decode
    exact = _exact(list)

    def decode_list(value: Any) -> Any:
        if len(exact(value)) > bound.most:
            raise ContractError("", f"more than {bound.most} items")
        try:
            return tuple([decode_item(entry) for entry in value])
        except ContractError:
            for index, entry in enumerate(value):
                try:
                    decode_item(entry)
                except ContractError as error:
                    raise _below(f"[{index}]", error) from None
            raise

    return _Decoder(frozenset({list}), decode_list)


def _struct_decoder(struct: type[Any]) -> _Decoder:
    hints = get_type_hints(struct, include_extras=True)
    decoders = {f.name: _build(hints[f.name], ()).decode for f in dataclasses.fields(struct)}
    required = {
        f.name
        for f in dataclasses.fields(struct)
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    }
    exact = _exact(dict)

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
                raise _below(name, error) from None
        return struct(**decoded)

    return _Decoder(frozenset({dict}), decode_struct)
