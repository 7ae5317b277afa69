"""Codes that a person can read out, in Crockford's base32: 60 random bits where used once."""

import secrets

from passmuster_collectors.contract.canonical import digest

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 12
REUSED_LENGTH = 24
"""Of what stays good for many laptops and days: 120 random bits."""

_READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


def new_code(length: int = LENGTH) -> str:
    """Return a fresh code, grouped by hyphens: `7K2M-9QXA-T04C`."""
    letters = "".join(secrets.choice(ALPHABET) for _ in range(length))
    return "-".join(letters[start : start + 4] for start in range(0, length, 4))


def normalised(code: str) -> str:
    """Return the code as it is hashed: upper case, no hyphens, look-alikes as the digits."""
    return code.strip().upper().translate(_READ_AS)


def code_hash(code: str) -> str:
    """Return the SHA-256 of the normalised code, the only form in which it is kept."""
    return digest(normalised(code).encode("utf-8"))
