"""Base64url without padding: one text for each sequence of bytes, all others refused."""

import base64
import binascii
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passmuster_collectors.contract.canonical import base64url, from_base64url
from passmuster_collectors.contract.errors import ContractError


@given(st.binary(max_size=40))
def test_what_was_written_is_read_back(data: bytes) -> None:
    assert from_base64url(base64url(data), "field") == data


@given(st.text(alphabet="ABCDabcd0189-_+/=! \n\0é", max_size=9))
def test_whatever_is_read_is_written_the_same_way(text: str) -> None:
    plain = None
    with contextlib.suppress(UnicodeEncodeError, binascii.Error):
        standard = text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4)
        plain = base64.b64decode(standard.encode("ascii"), validate=True)
    if plain is not None and base64url(plain) == text:
        assert from_base64url(text, "field") == plain
    else:
        with pytest.raises(ContractError, match="field: not base64url"):
            from_base64url(text, "field")
