"""Nobody's session opens without a password."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.signals.automatic_login.facts import (
    AutomaticLoginFacts,
    LoginProgram,
)
from passmuster_collectors.signals.signal import UNREADABLE as UNREADABLE_KEY
from passmuster_collectors.signals.signal import Finding, finding


class Problem(StrEnum):
    """What can be wrong with how sessions open."""

    DESKTOP = "desktop"
    CONSOLE = "console"
    UNCLEAR = "unclear"
    UNREADABLE = UNREADABLE_KEY


@dataclass(frozen=True)
class AutomaticLoginLimits:
    """There is nothing to choose: policy decides by the signal's severity."""


def judge(facts: AutomaticLoginFacts, limits: AutomaticLoginLimits) -> tuple[Finding, ...]:
    """Return every session that opens by itself, and every one of which it is not known."""
    del limits
    return tuple(_judge(facts))


def _judge(facts: AutomaticLoginFacts) -> Iterator[Finding]:
    for login in facts.logins:
        name = login.program.value.replace("_", " ")
        if login.automatic == UNKNOWN:
            yield finding(Problem.UNCLEAR, Outcome.UNKNOWN, program=name)
        elif login.automatic:
            console = login.program is LoginProgram.TEXT_CONSOLE
            yield finding(Problem.CONSOLE if console else Problem.DESKTOP, program=name)
