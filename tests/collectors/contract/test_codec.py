"""A message that does not keep to the contract is refused by the field's name, without content."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.declaration import Items, Text, Whole
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.report import Record, Upload

SECRET = "hunter2"
NOON = "2026-01-31T12:00:00Z"


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Inner:
    count: Annotated[int, Whole(least=1, most=5)]


@dataclass(frozen=True)
class Outer:
    name: Annotated[str, Text(longest=8)]
    colour: Colour
    inner: tuple[Inner, ...]
    after_s: int | Literal["unknown"] | None
    flag: bool
    at: datetime
    extra: Mapping[str, Any] | None = None
    few: Annotated[tuple[int, ...], Items(most=2)] = ()


def outer(**changes: Any) -> dict[str, Any]:
    return {
        "name": "ana",
        "colour": "red",
        "inner": [{"count": 1}],
        "after_s": 300,
        "flag": True,
        "at": NOON,
        **changes,
    }


def refused(value: Any) -> ContractError:
    with pytest.raises(ContractError) as error:
        codec.decode(Outer, value)
    return error.value


def test_a_good_message_becomes_its_dataclass() -> None:
    assert codec.decode(Outer, outer()) == Outer(
        "ana", Colour.RED, (Inner(1),), 300, True, datetime(2026, 1, 31, 12, tzinfo=UTC)
    )


@pytest.mark.parametrize(
    ("changes", "field", "problem"),
    [
        ({"name": 5}, "name", "expected a text, not a whole number"),
        ({"name": None}, "name", "expected a text, not null"),
        ({"name": "x" * 9}, "name", "longer than 8 characters"),
        ({"name": "a\x00b"}, "name", "holds a NUL character"),
        ({"name": "\ud800"}, "name", "not a valid Unicode text"),
        ({"colour": "green"}, "colour", "expected one of: red, blue"),
        ({"colour": ["red"]}, "colour", "expected one of: red, blue"),
        ({"inner": {}}, "inner", "expected a list, not an object"),
        ({"inner": [{"count": 1}, {"count": 9}]}, "inner[1].count", "not between 1 and 5"),
        ({"inner": [{"count": True}]}, "inner[0].count", "expected a whole number"),
        ({"inner": [{"count": 1.0}]}, "inner[0].count", "expected a whole number, not a number"),
        ({"inner": [{}]}, "inner[0].count", "missing"),
        ({"inner": [{"count": 1, "more": 2}]}, "inner[0].more", "unknown field"),
        ({"after_s": -1}, "after_s", "not between 0 and"),
        ({"after_s": "never"}, "after_s", "expected one of: unknown"),
        ({"after_s": 2**53}, "after_s", "not between 0 and"),
        ({"flag": 1}, "flag", "expected true or false, not a whole number"),
        ({"flag": "true"}, "flag", "expected true or false, not a text"),
        ({"extra": []}, "extra", "expected an object, not a list"),
        ({"few": [1, 2, 3]}, "few", "more than 2 items"),
    ],
)
def test_a_field_that_does_not_fit_is_named(
    changes: dict[str, Any], field: str, problem: str
) -> None:
    error = refused(outer(**changes))
    assert error.field == field
    assert problem in error.problem
    assert str(error) == f"{field}: {error.problem}"


@pytest.mark.parametrize("field", ["name", "colour", "inner", "after_s", "flag", "at"])
def test_a_missing_field_is_named(field: str) -> None:
    message = outer()
    del message[field]
    assert (refused(message).field, refused(message).problem) == (field, "missing")


def test_fields_with_a_default_may_be_left_out_and_no_others() -> None:
    assert codec.decode(Outer, outer()).extra is None
    assert codec.decode(Outer, outer(extra={"a": [1]})).extra == {"a": [1]}


@pytest.mark.parametrize(
    "value", [f"{SECRET}", [SECRET], {SECRET: 1}, {f"a {SECRET}": 1}, SECRET * 100]
)
@pytest.mark.parametrize("field", ["name", "colour", "inner", "after_s", "flag", "at", "few"])
def test_a_refusal_never_repeats_what_was_sent(field: str, value: Any) -> None:
    if field == "name" and value == SECRET:
        return  # seven characters fit
    assert SECRET not in str(refused(outer(**{field: value})))


@pytest.mark.parametrize("key", [f"a {SECRET}", SECRET * 10, f"<{SECRET}>", ""])
def test_an_unknown_field_is_named_only_where_its_name_is_short_and_plain(key: str) -> None:
    assert refused(outer(**{key: 1})).field == "(unprintable)"
    assert refused(outer(colur=1)).field == "colur"


@pytest.mark.parametrize(
    "moment",
    [
        "2026-01-31T12:00:00",
        "2026-01-31T12:00:00+01:00",
        "2026-01-31 12:00",
        "2026-13-01T00:00:00Z",
        "Z",
        "",
        1_769_860_800,
        "2026-01-31T12:00:00." + "0" * 40 + "Z",
    ],
)
def test_a_time_must_be_in_utc_and_say_so(moment: Any) -> None:
    assert refused(outer(at=moment)).problem == ("expected a UTC time such as 2026-01-31T12:00:00Z")


def test_times_are_written_in_utc_whatever_zone_they_are_in() -> None:
    noon = datetime(2026, 1, 31, 13, 0, tzinfo=timezone(timedelta(hours=1)))
    assert codec.format_time(noon) == "2026-01-31T12:00:00.000000Z"
    with pytest.raises(TypeError, match="without a zone"):
        codec.format_time(datetime(2026, 1, 31))  # noqa: DTZ001 - that is what is tried


def test_what_has_no_place_in_the_contract_is_not_written() -> None:
    for value in (1.5, b"bytes", object(), {1, 2}):
        with pytest.raises(TypeError, match="has no place in the contract"):
            codec.encode(value)


@pytest.mark.parametrize("kind", [Record, Upload])
@pytest.mark.parametrize("version", [0, 2, -1, "1", None, True])
def test_a_version_that_is_not_ours_is_refused_before_anything_else_is_believed(
    kind: type[Record | Upload], version: Any
) -> None:
    message = dict.fromkeys(field.name for field in dataclasses.fields(kind))
    with pytest.raises(ContractError) as error:
        codec.decode(kind, {**message, "version": version})
    assert error.value.field == "version"


def test_the_earliest_time_there_is_reads_back() -> None:
    earliest = datetime(1, 1, 1, tzinfo=UTC)
    assert codec.parse_time(codec.format_time(earliest), "at") == earliest
