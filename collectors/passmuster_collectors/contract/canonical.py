"""The one sequence of bytes for a message: what is hashed and what is signed."""

import base64
import binascii
import hashlib
import json
from typing import Any

from passmuster_collectors.contract.errors import ContractError

TO_STANDARD = bytes.maketrans(b"-_+/=", b"+/!!!")
"""For `bytes.translate`: to RFC 4648, section 4. What only that alphabet has is none of ours."""


def canonical_bytes(value: Any) -> bytes:
    """Return the JSON of `value` with sorted keys, no white space, UTF-8.

    Only objects, lists, texts, whole numbers, booleans and null are in the contract, for which this
    form is the same as RFC 8785.
    """
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode("utf-8")


def digest(data: bytes) -> str:
    """Return the SHA-256 of `data` as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def base64url(data: bytes) -> str:
    """Return `data` in base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def from_base64url(text: str, field: str) -> bytes:
    """Return the bytes behind base64url without padding; `ContractError` names `field`."""
    try:
        raw = text.encode("ascii").translate(TO_STANDARD)
        decoded = binascii.a2b_base64(raw + b"=" * (-len(raw) % 4), strict_mode=True)
    except ValueError:
        raise ContractError(field, "not base64url") from None
    # Of the last letters not every bit is said: there is one way to write what they don't say.
    left = len(decoded) % 3
    if left and not text.endswith(base64url(decoded[-left:])):
        raise ContractError(field, "not base64url")
    return decoded
