"""What an area tells of its work to whoever measures it: nothing, unless the operator asks."""

from collections.abc import Awaitable, Callable, Mapping
from typing import ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

Attributes = Mapping[str, str | bool | int]
About = Callable[[T], Attributes]
"""Says of a result what a trace may hold: never a person, a device, an address or a secret."""


class Spans(Protocol):
    """Wraps a function once, at the start, so that each of its calls is a span of a trace."""

    def around(
        self, name: str, work: Callable[P, T], about: About[T] | None = None
    ) -> Callable[P, T]:
        """Return `work`, or what does the same and tells how long it took."""
        ...

    def around_async(
        self, name: str, work: Callable[P, Awaitable[T]], about: About[T] | None = None
    ) -> Callable[P, Awaitable[T]]:
        """Return the same of a coroutine."""
        ...


class NoSpans:
    """Leaves every function as it is: what is not asked for costs nothing."""

    def around(
        self,
        name: str,  # noqa: ARG002 - the protocol's
        work: Callable[P, T],
        about: About[T] | None = None,  # noqa: ARG002 - the protocol's
    ) -> Callable[P, T]:
        """Return `work`."""
        return work

    def around_async(
        self,
        name: str,  # noqa: ARG002 - the protocol's
        work: Callable[P, Awaitable[T]],
        about: About[T] | None = None,  # noqa: ARG002 - the protocol's
    ) -> Callable[P, Awaitable[T]]:
        """Return `work`."""
        return work
