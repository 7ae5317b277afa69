"""The nonces that answers hand out, many of them from one question to the system for randomness.

Asked for each of them, the system takes a lock away from the thread that writes, and gives it back
when everybody else had a turn.
"""

import base64
import secrets

NONCE_BYTES = 18
"""144 bits each, which are 24 letters of base64url without padding."""
AT_ONCE = 256

_LETTERS = NONCE_BYTES * 4 // 3


class Nonces:
    """Hands out nonces, each once; for one thread."""

    def __init__(self) -> None:
        self._random = ""
        self._next = 0

    def next(self) -> str:
        """Return a nonce that nobody can foresee."""
        if self._next == len(self._random):
            random = secrets.token_bytes(NONCE_BYTES * AT_ONCE)
            self._random, self._next = base64.urlsafe_b64encode(random).decode("ascii"), 0
        begin = self._next
        self._next += _LETTERS
        return self._random[begin : self._next]
