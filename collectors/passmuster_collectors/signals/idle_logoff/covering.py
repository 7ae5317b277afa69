"""What several sessions and mechanisms come to together."""

from collections.abc import Sequence

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.signals.idle_logoff.facts import Coverage, Mechanism


def worst(times: Sequence[int | Unknown | None]) -> int | Unknown | None:
    """Return the last of times that all have to come: never, then unknown, then the latest."""
    if None in times:
        return None
    if UNKNOWN in times:
        return UNKNOWN
    return max((time for time in times if isinstance(time, int)), default=UNKNOWN)


def all_of(answers: Sequence[bool | Unknown]) -> bool | Unknown:
    """Return whether all answers are yes; one no decides, else one unknown does."""
    if False in answers:
        return False
    return UNKNOWN if UNKNOWN in answers else True


def is_undecided(mechanisms: Sequence[Mechanism], kind: Coverage) -> bool:
    """Whether nothing certain covers this kind of session, and something unknown may."""
    times = [each.after_s for each in mechanisms if each.covers is kind]
    return UNKNOWN in times and not any(isinstance(time, int) for time in times)
