"""Files of the kernel's device tree, asked one by one, and what became of the question."""

import re

from passmuster_collectors.contract.reading import Source, SourceOutcome
from passmuster_collectors.host.base import Host, SourceError, SourceMissingError

MAX_ATTRIBUTE = 4096
"""Bytes in a sysfs text attribute: one page at most."""


class Asked:
    """Asks a host and remembers what was refused.

    An attribute that a device does not have is no refusal: sysfs leaves it out.
    """

    def __init__(self, host: Host) -> None:
        self.host = host
        self.refusals: list[Source] = []

    def file(self, path: str, limit: int = MAX_ATTRIBUTE) -> bytes | None:
        """Return the file; None where it is missing or refused."""
        try:
            return self.host.read_file(path, limit=limit)
        except SourceMissingError:
            return None
        except SourceError as error:
            self.refusals.append(error.source())
            return None

    def text(
        self, path: str, shape: re.Pattern[str] | None = None, limit: int = MAX_ATTRIBUTE
    ) -> str | None:
        """Return the text without its line's end; None where missing, refused or misshapen."""
        data = self.file(path, limit)
        if data is None:
            return None
        try:
            text = data.decode("utf-8").strip()
        except UnicodeDecodeError:
            self.refuse(path, SourceOutcome.CONFLICT, "not UTF-8 text")
            return None
        if shape is not None and not shape.fullmatch(text):
            self.refuse(path, SourceOutcome.CONFLICT, "not what the kernel prints here")
            return None
        return text

    def required_text(self, path: str, shape: re.Pattern[str]) -> str | None:
        """Return the attribute, which every device has: here a missing one is a refusal too."""
        before = len(self.refusals)
        text = self.text(path, shape)
        if text is None and len(self.refusals) == before:
            self.refuse(path, SourceOutcome.MISSING)
        return text

    def names(self, path: str) -> tuple[str, ...] | None:
        """Return the names in a folder; empty where it is missing, None where it is refused."""
        try:
            return self.host.list_directory(path)
        except SourceMissingError:
            return ()
        except SourceError as error:
            self.refusals.append(error.source())
            return None

    def refuse(self, path: str, outcome: SourceOutcome, detail: str = "") -> None:
        """Remember that what was read at `path` is of no use."""
        self.refusals.append(Source(path, outcome, detail))
