"""What a language has to say: one file beside this one for each."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from passmuster_server.gate.decision import Cause


@dataclass(frozen=True)
class CauseWords:
    """The words for a denial that no signal explains: `why` and `steps` are for the worker."""

    worker: str
    admin: str
    why: str
    steps: tuple[str, ...]


@dataclass(frozen=True)
class Language:
    """One language by its BCP 47 tag.

    `causes` may lack some: what is not translated is said in English. `until` takes the `moment`
    that a grace period ends at; `months` are the names of the twelve, as dates use them, and
    `moment_format` takes day, month, year and time.
    """

    tag: str
    causes: Mapping[Cause, CauseWords]
    until: str
    months: tuple[str, ...]
    moment_format: str

    def moment(self, value: datetime) -> str:
        """Return a time as people read it, in UTC."""
        value = value.astimezone(UTC)
        return self.moment_format.format(
            day=value.day,
            month=self.months[value.month - 1],
            year=value.year,
            time=f"{value:%H:%M}",
        )
