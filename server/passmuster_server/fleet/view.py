"""Rows, verdicts and findings in the words of the fleet pages."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.verdict import SEVERITY, Outcome, Verdict
from passmuster_server.devices.groups import Ownership
from passmuster_server.fleet.index import Group
from passmuster_server.fleet.store import About
from passmuster_server.gate.causes import CAUSES
from passmuster_server.gate.decision import Cause, DeviceFinding, cause_of
from passmuster_server.gate.words import reasons_of
from passmuster_server.policy.standing import Standing
from passmuster_server.versions import is_behind

SYSTEMS: Mapping[Platform, str] = {
    Platform.LINUX: "Linux",
    Platform.MACOS: "macOS",
    Platform.WINDOWS: "Windows",
}

OWNERSHIPS: Mapping[str, str] = {
    Ownership.COMPANY: "the company's",
    Ownership.PERSONAL: "the worker's own",
}


@dataclass(frozen=True)
class Badge:
    """A word with the tone of its colour and shape: `good`, `warn`, `bad`, `unsure` or `off`."""

    tone: str
    text: str


GROUPS: Mapping[Group, Badge] = {
    Group.NON_COMPLIANT: Badge("bad", "Not compliant"),
    Group.PENDING: Badge("unsure", "Waits for approval"),
    Group.UNKNOWN: Badge("unsure", "Unknown"),
    Group.GRACE: Badge("warn", "In grace"),
    Group.COMPLIANT: Badge("good", "Compliant"),
    Group.OUT_OF_SERVICE: Badge("off", "Out of service"),
}

VERDICTS: Mapping[Verdict, Badge] = {verdict: GROUPS[Group(verdict.value)] for verdict in Verdict}

OUTCOMES: Mapping[Outcome, Badge] = {
    Outcome.PASS: Badge("good", "Passes"),
    Outcome.FAIL: Badge("bad", "Fails"),
    Outcome.UNKNOWN: Badge("unsure", "Unknown"),
    Outcome.TRANSITIONING: Badge("warn", "Under way"),
    Outcome.NOT_APPLICABLE: Badge("off", "Not on this laptop"),
}

_CAUSES: Mapping[Cause, Badge] = {
    Cause.COMPLIANT: GROUPS[Group.COMPLIANT],
    Cause.GRACE: GROUPS[Group.GRACE],
    Cause.GRACE_OVER: GROUPS[Group.NON_COMPLIANT],
    Cause.NON_COMPLIANT: GROUPS[Group.NON_COMPLIANT],
    Cause.PENDING: GROUPS[Group.PENDING],
    Cause.REVOKED: Badge("off", "Revoked"),
    Cause.RETIRED: Badge("off", "Retired"),
    Cause.LOST: Badge("bad", "Lost"),
}


@dataclass(frozen=True)
class State:
    """How a device stands: the badge, the worst finding in words, how many more, since when."""

    badge: Badge
    finding: str
    more: int
    since: datetime | None


@dataclass(frozen=True)
class FleetRow:
    """One line of the fleet page; `personal` is the worker's own laptop.

    `behind` is the version of an agent that is older than this server, else empty.
    """

    device: str
    owner: str
    computer_name: str
    system: str
    state: State
    last_seen: datetime | None
    group: str
    personal: bool
    behind: str


def row_of(standing: Standing, about: About, now: datetime, groups: Mapping[str, str]) -> FleetRow:
    """Return the line of a device. `groups` are the groups' names by their ids."""
    return FleetRow(
        standing.device,
        standing.owner,
        standing.computer_name,
        about.system,
        state_of(standing, now),
        standing.last_seen,
        groups.get(standing.group, standing.group),
        about.ownership == Ownership.PERSONAL,
        about.agent_version if is_behind(about.agent_version) else "",
    )


def state_of(standing: Standing | None, now: datetime) -> State:
    """Return how the device stands at `now`, as the gate sees it."""
    if standing is None:
        return State(GROUPS[Group.UNKNOWN], _sentence(Cause.NEVER_REPORTED), 0, None)
    cause = cause_of(standing, now)
    badge = _CAUSES.get(cause, GROUPS[Group.UNKNOWN])
    # What policy only warns of is worth a line here, too.
    told = (
        standing.reasons
        if cause is Cause.COMPLIANT
        else reasons_of(DeviceFinding(standing.device, cause, standing))
    )
    reasons = sorted(told, key=lambda reason: SEVERITY.index(reason.outcome))
    without_reason = "" if cause is Cause.COMPLIANT else _sentence(cause)
    finding = reasons[0].admin if reasons else without_reason
    since = None if cause is Cause.NEVER_REPORTED else standing.since_at(now)
    return State(badge, finding, max(0, len(reasons) - 1), since)


def _sentence(cause: Cause) -> str:
    text = CAUSES[cause].admin
    return text[:1].upper() + text[1:]
