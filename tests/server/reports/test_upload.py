"""The server's fast way to canonical bytes gives the contract's very bytes."""

import sys
from typing import Any

from hypothesis import given
from hypothesis import strategies as some

from passmuster_collectors.contract.canonical import canonical_bytes
from passmuster_server.reports.upload import canonical


def is_unicode(value: Any) -> bool:
    try:
        canonical_bytes(value)
    except UnicodeEncodeError:
        return False
    return True


VALUES = some.recursive(
    some.none()
    | some.booleans()
    | some.integers(-(2**63), 2**63 - 1)
    | some.text(some.characters(exclude_categories=["Cs"])),
    lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner),
    max_leaves=20,
).filter(is_unicode)


@given(VALUES)
def test_any_value_of_the_contract_has_the_same_bytes_either_way(value: Any) -> None:
    assert canonical(value) == canonical_bytes(value)


def test_every_single_character_has_the_same_bytes_either_way() -> None:
    characters = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code <= 0xDFFF]
    for start in range(0, len(characters), 4096):
        text = "".join(characters[start : start + 4096])
        assert canonical(text) == canonical_bytes(text), f"from U+{ord(text[0]):04X} on"
