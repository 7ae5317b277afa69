"""The code that a person types once: what counts as the same one, and how it is refused."""

import hashlib

from passmuster_agent.errors import AgentError, ExitCode

ALPHABET = frozenset("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
"""Crockford's base 32: no I, L, O and U."""

LONGEST = 64

REFUSALS = {
    "code_wrong": ("The code is not right.", "Look at it again."),
    "code_used": ("The code has been used already.", "Ask IT for a new one."),
    "code_expired": ("The code has expired.", "Ask IT for a new one."),
    "too_many_tries": ("A wrong code was given too often.", "Start again with the right one."),
    "access_denied": ("This laptop was turned down.", "If that was a mistake, start again."),
    "expired_token": ("Nobody approved this laptop in time.", "Start again for a new code."),
    "no_sign_in": ("This server enrols with a code from IT.", "Ask for one; leave out --sign-in."),
    "owner_needed": (
        "This code is for many laptops, and nobody said whose this one is.",
        "Add --owner with the e-mail address of the person who works with it.",
    ),
}
"""The server's refusals of a code, in a person's words."""


class CodeRefusedError(AgentError):
    """The code is not accepted; `again` says whether another try makes sense."""

    def __init__(self, problem: str, remedy: str, *, again: bool) -> None:
        super().__init__(problem, remedy, ExitCode.REFUSED)
        self.again = again


def normalised(code: str) -> str:
    """Return the code in upper case, without hyphens and spaces, look-alikes made the same.

    Raises `CodeRefusedError` for what can't be a code; then the server is not even asked.
    """
    plain = "".join(letter for letter in code.upper() if letter not in "- \t\r\n")
    plain = plain.translate(str.maketrans("OIL", "011"))
    if not plain:
        raise CodeRefusedError("No code was given.", "Ask IT for one.", again=False)
    if len(plain) > LONGEST or not set(plain) <= ALPHABET:
        raise CodeRefusedError(
            "That is not a code: codes have letters, digits and hyphens only.",
            "Look at it again.",
            again=True,
        )
    return plain


def credential(code: str) -> str:
    """Return the SHA-256 of a normalised code in hexadecimal: what the proof binds."""
    return hashlib.sha256(code.encode("ascii")).hexdigest()
