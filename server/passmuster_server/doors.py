"""What may answer a POST before ASGI does (`at_once`), and what it says of its answer."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

BECOMES = "passmuster.becomes"
"""In the scope: the future of what becomes of a request that its door has begun already."""

Headers = Sequence[tuple[bytes, bytes]]
Client = tuple[str, int] | None
Answer = tuple[bytes, bytes]
"""The lines of the head and the body of a 200."""


@dataclass(slots=True)
class Later:
    """An answer that is waited for: once it is there, `answer` makes it of what `future` has.

    Where the future has failed, or `answer` raises, ASGI asks the door, with the future in the
    scope. So it does where the answer is in any way unusual by then, instead of `answer`.
    """

    future: "asyncio.Future[Any]"
    answer: Callable[[Any], Answer]


class DoorAtOnce(Protocol):
    """What takes a POST without waiting for anything, where it can; ASGI asks it otherwise."""

    max_body: int

    def waits_for_body(self, headers: Headers, /) -> bool:
        """Whether ASGI would do no more with this head than wait for the body behind it."""

    def at_once(self, headers: Headers, body: bytes, client: Client, /) -> Answer | Later | None:
        """Return the answer, or how it comes, or None to be asked by ASGI.

        `client` is the other end of the connection, which may be a proxy. Raises whatever it likes,
        to be asked by ASGI as well: nothing has been done then.
        """
