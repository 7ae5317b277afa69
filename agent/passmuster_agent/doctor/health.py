"""How the agent itself is: enrolled, its key, its outbox, its server, its clock, its services."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from passmuster_agent import keystore
from passmuster_agent.config import Device, State
from passmuster_agent.delivery import DeliveryKind
from passmuster_agent.doctor.causes import AS_SERVICE, ENABLE_HELPER
from passmuster_agent.doctor.findings import Check, Condition
from passmuster_agent.doctor.surroundings import RootHelperState, Surroundings, exists, unit_state
from passmuster_agent.errors import AgentError
from passmuster_agent.key_loss import code_that_replaces, lost_key
from passmuster_agent.outbox import Outbox
from passmuster_agent.outbox_overview import Overview
from passmuster_agent.transport import Transport
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.host.base import Host

MOST_SKEW = timedelta(seconds=90)
"""Beyond this the server shows the laptop's clock as wrong; the `Date` header is to the second."""

SERVICE = "passmuster-agent.service"
SERVICE_STATE = "/var/lib/passmuster-agent"
HELPER_SOCKET = "passmuster-agent-helper.socket"
ROOT_HELPER = "root helper"
ENROL = "Ask IT for a code, then run: passmuster-agent enroll --server URL"


def checks(state: State, host: Host, around: Surroundings) -> Iterator[Check]:
    """Yield what there is to say, the most basic first. Never raises `AgentError`."""
    try:
        device = state.find_device() if state.path.exists() else None
    except AgentError as error:
        step = AS_SERVICE if around.uid == 0 or not around.is_service else error.remedy
        yield Check("enrolment", Condition.WRONG, error.problem, step)
        yield from _services(state, host, around)
        return
    if device is None:
        yield _no_enrolment(state, host, around)
        yield from _services(state, host, around)
        return
    yield Check("enrolment", Condition.OK, f"Enrolled for {device.owner} at {device.server_url}.")
    yield _key(state, device)
    yield from _server(state, device)
    yield from _outbox(state, device)
    yield from _services(state, host, around)


def _no_enrolment(state: State, host: Host, around: Surroundings) -> Check:
    of_service = around.platform is Platform.LINUX and exists(host, SERVICE_STATE)
    if of_service and str(state.path) != SERVICE_STATE:
        return Check(
            "enrolment",
            Condition.NOTE,
            "Not enrolled for you: this laptop's agent is a service (see passmuster-agent status).",
            AS_SERVICE,
        )
    return Check("enrolment", Condition.WRONG, "This laptop is not enrolled.", ENROL)


def _key(state: State, device: Device) -> Check:
    try:
        keys = keystore.of_tier(device.tier, state.path)
        keys.sign(device.key_name, b"passmuster-agent doctor")
    except AgentError as error:
        return Check(
            "key",
            Condition.WRONG,
            f"{lost_key(device)} {error.problem}",
            f"{error.remedy} {code_that_replaces(device)}",
        )
    return Check("key", Condition.OK, f"The key signs; it is kept in tier {device.tier}.")


def _server(state: State, device: Device) -> Iterator[Check]:
    transport = Transport(device.server_url, state.authority(device))
    began = datetime.now(UTC)
    try:
        date = transport.date()
    except AgentError as error:
        yield Check("server", Condition.WRONG, error.problem, error.remedy)
        return
    finally:
        transport.close()
    took = datetime.now(UTC) - began
    yield Check(
        "server",
        Condition.OK,
        f"{device.server_url} answers, in {took.total_seconds() * 1000:.0f} ms.",
    )
    yield _clock(date, began + took / 2)


def _clock(date: str, here: datetime) -> Check:
    """Compare with the server's `Date` header (RFC 9110, section 6.6.1)."""
    try:
        there = parsedate_to_datetime(date)
        skew = here - (there if there.tzinfo else there.replace(tzinfo=UTC))
    except ValueError:
        return Check("clock", Condition.NOTE, "The server does not tell the time.")
    seconds = skew.total_seconds()
    if abs(skew) <= MOST_SKEW:
        return Check("clock", Condition.OK, "This laptop's clock agrees with the server's.")
    return Check(
        "clock",
        Condition.WRONG,
        f"This laptop's clock is {abs(seconds):.0f} s {'ahead' if seconds > 0 else 'behind'}.",
        "Let it set itself: sudo timedatectl set-ntp true (on other systems: in the settings).",
    )


def _outbox(state: State, device: Device) -> Iterator[Check]:
    try:
        with Outbox(state.outbox(device)) as outbox:
            overview = outbox.overview()
    except AgentError as error:
        yield Check("outbox", Condition.WRONG, error.problem, error.remedy)
        return
    lost = f", {overview.dropped} did not fit and were dropped" if overview.dropped else ""
    yield Check(
        "outbox",
        Condition.NOTE if overview.dropped else Condition.OK,
        f"{overview.waiting} record(s) wait to be sent{lost}.",
    )
    for problem in overview.set_aside:
        yield Check("outbox", Condition.WRONG, f"A record was refused: {problem}", "Tell IT.")
    yield _delivery(overview)


def _delivery(overview: Overview) -> Check:
    last = overview.delivery
    if last is None:
        return Check("last report", Condition.WRONG, "None was sent yet.", "passmuster-agent once")
    at = f"{last.at:%Y-%m-%d %H:%M} UTC"
    if last.kind is not DeliveryKind.ACCEPTED:
        return Check("last report", Condition.WRONG, f"{at}: {last.problem}", last.remedy)
    age = datetime.now(UTC) - last.at
    if age > timedelta(seconds=overview.report_within_s):
        return Check(
            "last report",
            Condition.WRONG,
            f"Accepted at {at}, which is longer ago than the server allows.",
            "See that the agent runs, below.",
        )
    return Check("last report", Condition.OK, f"Accepted at {at}.")


def _services(state: State, host: Host, around: Surroundings) -> Iterator[Check]:
    on_linux = around.platform is Platform.LINUX and around.has_systemd
    unit = unit_state(host, SERVICE) if on_linux else ""
    if state.is_locked() or unit == "active":
        yield Check("agent", Condition.OK, "The agent runs.")
    elif unit and unit != "not installed":
        yield Check(
            "agent",
            Condition.WRONG,
            f"The agent's service is {unit}.",
            f"sudo systemctl enable --now {SERVICE}, then: journalctl -u {SERVICE}",
        )
    else:
        yield Check(
            "agent",
            Condition.WRONG,
            "No agent runs: changes are not reported.",
            "Install the agent's package, or run: passmuster-agent run",
        )
    if on_linux:
        yield _root_helper(host, around)


def _root_helper(host: Host, around: Surroundings) -> Check:
    state = around.root_helper
    if state is RootHelperState.ANSWERS:
        return Check(ROOT_HELPER, Condition.OK, "It answers.")
    if state is RootHelperState.FAILS:
        return Check(
            ROOT_HELPER,
            Condition.WRONG,
            "It does not answer as it should.",
            "journalctl -u passmuster-agent-helper.service",
        )
    listening = unit_state(host, HELPER_SOCKET)
    if listening == "active":
        return Check(ROOT_HELPER, Condition.OK, "systemd listens for it.")
    found = f"Its socket is {listening or 'not there'}: what only root may read stays unread."
    if listening == "not installed" and around.uid == 0:
        return Check(ROOT_HELPER, Condition.NOTE, "Not installed; root reads by itself.")
    return Check(ROOT_HELPER, Condition.WRONG, found, ENABLE_HELPER)
