"""What a browser carries for us and nobody else reads: JWE (RFC 7516), `dir` with A256GCM.

The key is derived from one that signs, so that all servers on a database have it and it is rotated
with them; a key for one purpose opens nothing that was sealed for another.
"""

from collections.abc import Sequence
from functools import lru_cache

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from passmuster_collectors.contract.canonical import from_base64url
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.strict_json import parse
from passmuster_server.signing.keys import StoredKey

ALGORITHMS = ["dir", "A256GCM"]
MAX_SEALED = 16_384


class UnsealedError(Exception):
    """What was brought was not sealed by us for this purpose, or by a key that is gone."""


def seal(key: StoredKey, purpose: str, value: bytes) -> str:
    """Return the value so that nobody but us can read or change it."""
    derived = OctKey.import_key(_derived(key.private_key, purpose))
    return jwe.encrypt_compact(_header(key), value, derived, algorithms=ALGORITHMS)


def unseal(keys: Sequence[StoredKey], purpose: str, sealed: str) -> bytes:
    """Return what was sealed by one of the keys. Raises `UnsealedError`."""
    if len(sealed) > MAX_SEALED:
        raise UnsealedError("too long")
    try:
        header = parse(from_base64url(sealed.partition(".")[0], "header"), max_depth=2)
        # Ours, member by member: what a library makes of any other header is never found out.
        key = next(each for each in keys if header == _header(each))
        derived = OctKey.import_key(_derived(key.private_key, purpose))
        plaintext = jwe.decrypt_compact(sealed, derived, algorithms=ALGORITHMS).plaintext
    except (ContractError, JoseError, ValueError, StopIteration) as error:
        raise UnsealedError(type(error).__name__) from None
    if plaintext is None:
        raise UnsealedError("empty")
    return plaintext


def _header(key: StoredKey) -> dict[str, str]:
    return {"alg": "dir", "enc": "A256GCM", "kid": key.key_id}


@lru_cache(maxsize=64)
def _derived(private_key: bytes, purpose: str) -> bytes:
    info = b"passmuster seal\0" + purpose.encode("utf-8")
    return HKDF(hashes.SHA256(), 32, salt=None, info=info).derive(private_key)
