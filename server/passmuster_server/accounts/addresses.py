"""The e-mail address of an administrator, by which an account is known."""

import re

_ADDRESS = re.compile(r"[^\s@,;<>\"]{1,64}@[^\s@,;<>\"]{1,189}")


class AddressError(ValueError):
    """The text is not an e-mail address."""


def normalised(email: str) -> str:
    """Return the address as it is stored, without case. Raises `AddressError`."""
    address = email.strip().casefold()
    if not _ADDRESS.fullmatch(address) or not address.isprintable():
        raise AddressError(f"not an e-mail address: {email!r}")
    return address
