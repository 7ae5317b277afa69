"""P-256 keys as the bytes that the tiers keep: unencrypted PKCS #8 (RFC 5958) in PEM."""

import sys

from passmuster_collectors.contract.enrolment import PublicKey


def new() -> tuple[bytes, PublicKey]:
    """Return a new key from the system's random source, and its public half."""
    from passmuster_agent.keystore import p256  # noqa: PLC0415 - a report does without it

    key = p256.generate()
    return p256.to_pem(key), p256.public_key(key)


def public_key(pem: bytes) -> PublicKey:
    """Return the public half of the key. Raises `ValueError` where it is no P-256 key."""
    from passmuster_agent.keystore import p256  # noqa: PLC0415 - as above

    return p256.public_key(p256.from_pem(pem))


def sign(pem: bytes, message: bytes) -> bytes:
    """Return the ES256 signature. Raises `ValueError` where the key is no P-256 key."""
    if sys.platform == "linux":
        from passmuster_agent.keystore import openssl  # noqa: PLC0415 - Linux alone was measured

        signature = openssl.sign(pem, message)
        if signature is not None:
            return signature
    from passmuster_agent.keystore import p256  # noqa: PLC0415 - as above

    return p256.sign(p256.from_pem(pem), message)
