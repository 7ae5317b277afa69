"""What decodes one kind of JSON value: each refuses another type, and what is beyond its bounds."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from passmuster_collectors.contract import strict_json
from passmuster_collectors.contract.declaration import Items, Text, Whole
from passmuster_collectors.contract.errors import ContractError


class Decoder(NamedTuple):
    """Decodes a JSON value; `accepts` are the types of those it may take, None: any.

    The field that its `ContractError` names is the one below the value: whoever decodes what is
    around it puts the way there before it, so nobody writes it down for what is right.
    """

    accepts: frozenset[type] | None
    decode: Callable[[Any], Any]


def below(place: str, error: ContractError) -> ContractError:
    """Return the error of a value as one of what it stands in, at `place`."""
    joint = "." if error.field and not error.field.startswith("[") else ""
    return ContractError(f"{place}{joint}{error.field}", error.problem)


def exactly(kind: type) -> Callable[[Any], Any]:
    """Return what takes values of this very type, no subclass, and returns them as they are."""

    def decode_exact(value: Any) -> Any:
        if type(value) is not kind:
            expected = strict_json.type_names[kind]
            raise ContractError("", f"expected {expected}, not {strict_json.name_of(value)}")
        return value

    return decode_exact


def text_decoder(bound: Text) -> Decoder:
    """Return the decoder of a text that can be stored and hashed, up to its longest."""
    exact = exactly(str)

    def decode_text(value: Any) -> Any:
        if len(exact(value)) > bound.longest:
            raise ContractError("", f"longer than {bound.longest} characters")
        # Lone surrogates pass through JSON escapes but can't be stored or hashed as UTF-8.
        if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
            raise ContractError("", "not a valid Unicode text")
        if "\x00" in value:
            raise ContractError("", "holds a NUL character")
        return value

    return Decoder(frozenset({str}), decode_text)


def whole_decoder(bound: Whole) -> Decoder:
    """Return the decoder of a whole number within its bounds."""
    exact = exactly(int)

    def decode_whole(value: Any) -> Any:
        if not bound.least <= exact(value) <= bound.most:
            raise ContractError("", f"not between {bound.least} and {bound.most}")
        return value

    return Decoder(frozenset({int}), decode_whole)


def choice_decoder(choices: Mapping[Any, Any]) -> Decoder:
    """Return the decoder of one of a few texts, which stand for the values in `choices`."""
    expected = ", ".join(str(choice) for choice in choices)

    def decode_choice(value: Any) -> Any:
        if not isinstance(value, str) or value not in choices:
            raise ContractError("", f"expected one of: {expected}")
        return choices[value]

    return Decoder(frozenset({str}), decode_choice)


def union_decoder(members: Sequence[Decoder]) -> Decoder:
    """Return the decoder of what the first of its members takes."""

    def decode_union(value: Any) -> Any:
        for accepts, decode_member in members:
            if accepts is None or type(value) in accepts:
                try:
                    return decode_member(value)
                except ContractError as error:
                    if error.field:
                        raise
        raise ContractError("", "; or ".join(_problems(members, value)))

    return Decoder(None, decode_union)


def _problems(members: Sequence[Decoder], value: Any) -> Iterator[str]:
    """Yield what each says of a value that none of them takes."""
    for member in members:
        try:
            member.decode(value)
        except ContractError as error:
            yield error.problem


def list_decoder(item: Decoder, bound: Items) -> Decoder:
    """Return the decoder of a list, as a tuple, of so many items at the most."""
    decode_item = item.decode
    exact = exactly(list)

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
                    raise below(f"[{index}]", error) from None
            raise

    return Decoder(frozenset({list}), decode_list)
