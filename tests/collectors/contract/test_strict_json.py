"""JSON as the contract allows it, whoever sent it."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passmuster_collectors.contract import strict_json
from passmuster_collectors.contract.errors import ContractError

SECRET = "hunter2"

nested_lists: st.SearchStrategy[Any] = st.recursive(
    st.none(), lambda inner: st.lists(inner, max_size=3)
)


def refused(data: bytes, **limits: int) -> ContractError:
    with pytest.raises(ContractError) as error:
        strict_json.parse(data, **limits)
    return error.value


def test_plain_json_is_read() -> None:
    assert strict_json.parse(b'{"a": [1, "x", true, null, {"b": 2}]}') == {
        "a": [1, "x", True, None, {"b": 2}]
    }


def test_more_bytes_than_allowed_are_not_even_parsed() -> None:
    assert refused(b"[" + b" " * 100 + b"]", max_bytes=50).problem == "larger than 50 bytes"
    assert strict_json.parse(b'"' + b"x" * 48 + b'"', max_bytes=50) == "x" * 48


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_nesting_is_allowed_to_its_limit_and_no_deeper(opening: str) -> None:
    closing = "]" if opening == "[" else "}"

    def nested(depth: int) -> bytes:
        return (opening * depth + "1" + closing * depth).encode()

    assert strict_json.parse(nested(5), max_depth=5)
    assert refused(nested(6), max_depth=5).problem == "nested deeper than 5 levels"


def test_nesting_beyond_what_python_can_follow_is_refused_too() -> None:
    assert "nested deeper" in refused(b"[" * 100_000 + b"]" * 100_000).problem


def test_brackets_inside_texts_are_no_nesting() -> None:
    assert strict_json.parse(b'["' + b"[{" * 500 + b'"]', max_depth=2)


@pytest.mark.parametrize(
    "data", [b'{"a":1,"a":2}', b'[{"b":{"a":1,"a":1}}]', b'{"a":1,"\\u0061":2}']
)
def test_a_key_given_twice_is_refused_rather_than_chosen_from(data: bytes) -> None:
    assert refused(data).problem == "an object names the same key twice"


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_has_no_word_for_are_refused(word: str) -> None:
    assert refused(f'{{"a": {word}}}'.encode()).problem == "NaN and Infinity are not JSON"


def test_a_number_of_thousands_of_digits_is_refused() -> None:
    assert refused(b"9" * 5_000).problem == "a number with too many digits"


@pytest.mark.parametrize(
    "data", [b"", b"{", b'{"a"}', b"[1,]", b"'a'", b"[1] [2]", b"\xef\xbb\xbf{}", b"nul", b"\x00"]
)
def test_what_is_not_json_is_refused_with_the_place(data: bytes) -> None:
    assert refused(data).problem.startswith("not JSON at byte ")


def test_what_is_not_utf_8_is_refused() -> None:
    assert refused(b'"\xff"').problem == "not UTF-8 text"


@pytest.mark.parametrize(
    "data",
    [
        f'{{"{SECRET}":1,"{SECRET}":2}}'.encode(),
        f'["{SECRET}"'.encode(),
        f"{SECRET}".encode(),
        f'"{SECRET}'.encode() + b"\xff",
    ],
)
def test_a_refusal_never_repeats_what_was_sent(data: bytes) -> None:
    assert SECRET not in str(refused(data))


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_a_value_or_a_contract_error(data: bytes) -> None:
    with contextlib.suppress(ContractError):
        strict_json.parse(data)


@given(nested_lists, st.integers(0, 6))
def test_depth_is_that_of_a_slow_count(value: Any, limit: int) -> None:
    def depth(item: Any) -> int:
        return 1 + max(map(depth, item), default=0) if isinstance(item, list) else 0

    data = json.dumps(value).encode()
    if depth(value) > limit:
        assert refused(data, max_depth=limit).problem == f"nested deeper than {limit} levels"
    else:
        assert strict_json.parse(data, max_depth=limit) == value


def test_every_kind_of_value_has_a_name_that_does_not_show_it() -> None:
    values: list[Any] = [{}, [], "x", 1, 1.5, True, None]
    assert [strict_json.name_of(value) for value in values] == [
        "an object",
        "a list",
        "a text",
        "a whole number",
        "a number",
        "true or false",
        "null",
    ]
