"""The book that the reader keeps: which sources it asked, and how each one answered."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from passmuster_collectors.contract.reading import Source, SourceOutcome
from passmuster_collectors.host.base import SourceError, SourceMissingError

Answer = TypeVar("Answer")


class Evidence:
    """The sources of one reading. Each is kept once, in the order in which they were asked.

    `is_incomplete` becomes true once something that a verdict needs was not read.
    """

    def __init__(self) -> None:
        self._sources: dict[str, Source] = {}
        self.is_incomplete = False

    @property
    def sources(self) -> tuple[Source, ...]:
        """All that was asked so far."""
        return tuple(self._sources.values())

    def read(self, name: str, detail: str = "") -> None:
        """Note that a source answered, unless it is known to have refused."""
        self._sources.setdefault(name, Source(name, SourceOutcome.READ, detail))

    def unclear(self, sources: Iterable[Source]) -> None:
        """Note the sources that left a state unknown."""
        for source in sources:
            self._sources[source.name] = source
            self.is_incomplete = True

    def refused(self, error: SourceError) -> None:
        """Note that a source which a verdict needs gave no usable answer."""
        self.unclear([error.source()])

    def passed_over(self, error: SourceError) -> None:
        """Note that a source which can only add to the verdict gave no usable answer."""
        self._sources.setdefault(error.name, error.source())


def if_there(question: Callable[[], Answer]) -> Answer | None:
    """Return the answer, or None where there is no such thing to ask."""
    try:
        return question()
    except SourceMissingError:
        return None
