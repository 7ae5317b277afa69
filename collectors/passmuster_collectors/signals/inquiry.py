"""Asking a machine and keeping book of how each source answered."""

from collections.abc import Callable
from typing import TypeVar, overload

from passmuster_collectors.contract.reading import Source, SourceOutcome
from passmuster_collectors.host.base import SourceError

Answer = TypeVar("Answer")
Otherwise = TypeVar("Otherwise")


class Inquiry:
    """The sources of one reading, in the order in which they were asked."""

    def __init__(self) -> None:
        self.sources: list[Source] = []

    @overload
    def ask(self, name: str, question: Callable[[], Answer]) -> Answer | None: ...

    @overload
    def ask(
        self, name: str, question: Callable[[], Answer], *, otherwise: Otherwise
    ) -> Answer | Otherwise: ...

    def ask(
        self, name: str, question: Callable[[], Answer], *, otherwise: Otherwise | None = None
    ) -> Answer | Otherwise | None:
        """Return the answer; `otherwise` where the source refused, which is noted under `name`."""
        try:
            answer = question()
        except SourceError as error:
            self.sources.append(Source(name, error.outcome, error.detail))
            return otherwise
        self.sources.append(Source(name, SourceOutcome.READ))
        return answer

    def contradict(self, name: str, detail: str) -> None:
        """Note that sources which were read disagree, or that one is not what it promises to be."""
        self.sources.append(Source(name, SourceOutcome.CONFLICT, detail))

    @property
    def is_complete(self) -> bool:
        """Whether every source was read and none was contradicted."""
        return all(source.outcome is SourceOutcome.READ for source in self.sources)
