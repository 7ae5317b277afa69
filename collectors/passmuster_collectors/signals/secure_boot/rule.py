"""Which start of a laptop can be trusted."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.signals.secure_boot.facts import (
    Firmware,
    Lockdown,
    Mode,
    SecureBootFacts,
)
from passmuster_collectors.signals.signal import UNREADABLE as UNREADABLE_KEY
from passmuster_collectors.signals.signal import Finding, finding
from passmuster_collectors.signals.strictness import Stricter


class Problem(StrEnum):
    """What can be wrong with the way a laptop starts."""

    OFF = "off"
    SETUP = "setup"
    BYPASSED = "bypassed"
    REDUCED = "reduced"
    NOT_UEFI = "not_uefi"
    NO_LOCKDOWN = "no_lockdown"
    UNCLEAR = "unclear"
    UNREADABLE = UNREADABLE_KEY


_FAILURES: Mapping[Mode, Problem] = {
    Mode.OFF: Problem.OFF,
    Mode.SETUP: Problem.SETUP,
    Mode.BYPASSED: Problem.BYPASSED,
}


@dataclass(frozen=True)
class SecureBootLimits:
    """What is demanded. `allow_other_firmware` is for old laptops that have no secure boot."""

    allow_reduced: Annotated[bool, Stricter.NO] = True
    allow_other_firmware: Annotated[bool, Stricter.NO] = False
    require_lockdown: Annotated[bool, Stricter.YES] = False


def judge(facts: SecureBootFacts, limits: SecureBootLimits) -> tuple[Finding, ...]:
    """Return what is wrong with the way this laptop was started."""
    if facts.firmware is Firmware.OTHER:
        return () if limits.allow_other_firmware else (finding(Problem.NOT_UEFI),)
    if facts.mode in _FAILURES:
        return (finding(_FAILURES[facts.mode]),)
    if facts.mode is Mode.UNKNOWN:
        return (finding(Problem.UNCLEAR, Outcome.UNKNOWN),)
    if facts.mode is Mode.REDUCED and not limits.allow_reduced:
        return (finding(Problem.REDUCED),)
    if limits.require_lockdown and facts.lockdown in (Lockdown.NONE, Lockdown.UNKNOWN):
        outcome = Outcome.FAIL if facts.lockdown is Lockdown.NONE else Outcome.UNKNOWN
        return (finding(Problem.NO_LOCKDOWN, outcome),)
    return ()
