"""Compact JWS with ES256 (RFC 7515, RFC 7518 section 3.4), made by hand: one header, one algorithm.

The key itself stays in its keystore, which signs.
"""

from collections.abc import Callable

from passmuster_collectors.contract.canonical import base64url, canonical_bytes

Sign = Callable[[bytes], bytes]
"""Returns the ES256 signature of its argument: R and S, 32 bytes each, big endian."""

SIGNATURE_BYTES = 64
CONTENT_TYPE = "application/jose"
"""Of what is sent signed."""


def signed(payload: bytes, *, kind: str, key_id: str, sign: Sign) -> str:
    """Return the compact JWS over `payload`; `kind` is its `typ` and `key_id` its `kid`."""
    header = canonical_bytes({"alg": "ES256", "kid": key_id, "typ": kind})
    text = f"{base64url(header)}.{base64url(payload)}"
    signature = sign(text.encode("ascii"))
    if len(signature) != SIGNATURE_BYTES:
        raise ValueError("an ES256 signature has 64 bytes")
    return f"{text}.{base64url(signature)}"
