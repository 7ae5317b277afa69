"""What anybody who is logged in may know of this laptop's reports, and no more.

They see it through the window of an agent that is a service: the server's verdict with its reasons
and remedies, and whether reports get through. Whose laptop it is, the readings, what was refused
and every detail of an error stay with the agent. A reason names what it is about, which may be
another person's who is logged in here. docs/privacy.md tells people each field.
"""

import dataclasses
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from passmuster_agent.advice import as_judged
from passmuster_agent.delivery import KEY_UNUSABLE, Delivery, DeliveryKind, Obstacle
from passmuster_agent.outbox_overview import Overview
from passmuster_agent.status import AgentStatus, Service, is_current
from passmuster_collectors.contract.declaration import Whole
from passmuster_collectors.contract.reading import Status
from passmuster_collectors.contract.verdict import Outcome, SignalVerdict, Verdict

VERSION = 2
OUTDATED = "It passed when the server last judged it. What is found now is not judged yet."
DOCTOR = "More of it, as an administrator: passmuster-agent doctor"
KEY_LOST = "This laptop's key can't sign: nothing is reported any more."
NO_MORE = "The server wants no more reports of this laptop."
IN_THE_WAY = {
    Obstacle.NONE: "The report did not get through.",
    Obstacle.NETWORK: "The server could not be reached.",
    Obstacle.SERVER: "The server did not take the report.",
    Obstacle.LAPTOP: "Something on this laptop was in the way.",
}


@dataclass(frozen=True)
class LastTry:
    """How the last try to report ended, without its details."""

    kind: DeliveryKind
    at: datetime
    obstacle: Obstacle
    key_usable: bool


@dataclass(frozen=True)
class Told:
    """What is told. `waiting` counts records that the server does not have yet."""

    version: Annotated[int, Whole(least=VERSION, most=VERSION)]
    verdict: Verdict | None
    current: bool
    judged_at: datetime | None
    grace_until: datetime | None
    signals: tuple[SignalVerdict, ...]
    waiting: int
    last_try: LastTry | None


def told_of(overview: Overview) -> Told:
    """Return what may be told of the outbox.

    What passed passes no longer where the answer is not about what is found now: unknown is never
    a pass. A failure stays: its remedy is still worth following.
    """
    answer, last = overview.answer, overview.delivery
    current = is_current(overview)
    return Told(
        version=VERSION,
        verdict=answer.verdict if answer else None,
        current=current,
        judged_at=answer.judged_at if answer else None,
        grace_until=answer.grace_until if answer else None,
        signals=tuple(
            each if current else _outdated(each) for each in (answer.signals if answer else ())
        ),
        waiting=overview.waiting,
        last_try=None
        if last is None
        else LastTry(last.kind, last.at, last.obstacle, last.code != KEY_UNUSABLE),
    )


def shortened(told: Told, reasons: int, remedies: int) -> Told:
    """Return it with so many reasons and remedies of each signal at the most."""
    signals = tuple(
        dataclasses.replace(each, reasons=each.reasons[:reasons], remedies=each.remedies[:remedies])
        for each in told.signals
    )
    return dataclasses.replace(told, signals=signals)


def as_status(told: Told) -> AgentStatus:
    """Return it as `status` shows it: nothing was read, and whose laptop it is was not told."""
    return AgentStatus(
        version=1,
        device=None,
        running=True,
        verdict=told.verdict,
        current=told.current,
        judged_at=told.judged_at,
        grace_until=told.grace_until,
        signals=tuple(as_judged(each, Status.UNAVAILABLE) for each in told.signals),
        waiting=told.waiting,
        set_aside=(),
        dropped=0,
        last_try=None if told.last_try is None else _delivery(told.last_try),
        service=Service.TELLS,
    )


def _outdated(judged: SignalVerdict) -> SignalVerdict:
    if judged.outcome is not Outcome.PASS:
        return judged
    return dataclasses.replace(judged, outcome=Outcome.UNKNOWN, reasons=(OUTDATED,))


def _delivery(last: LastTry) -> Delivery:
    if last.kind is DeliveryKind.ACCEPTED:
        return Delivery(last.kind, last.at)
    problem = NO_MORE if last.kind is DeliveryKind.STOPPED else IN_THE_WAY[last.obstacle]
    return Delivery(
        last.kind,
        last.at,
        obstacle=last.obstacle,
        code="" if last.key_usable else KEY_UNUSABLE,
        problem=problem if last.key_usable else KEY_LOST,
        remedy=DOCTOR,
    )
