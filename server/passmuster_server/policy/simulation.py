"""What a policy would do to the live fleet, before it is in force. Nothing is changed or kept."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy import Connection

from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.reading import Reading
from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.policy import allowances, store, waivers
from passmuster_server.policy.allowances import Allowance
from passmuster_server.policy.document import Policy
from passmuster_server.policy.judgement import judge_device
from passmuster_server.policy.standing import CLOCK_STEP_S, DeviceStatus, Reason, SignalStanding
from passmuster_server.policy.stored_devices import StoredDevice, StoredVerdict, stored_devices

AT_ONCE = 500
_LET_IN = frozenset({Verdict.COMPLIANT, Verdict.GRACE})


@dataclass(frozen=True)
class Moved:
    """A device whose verdict the policy would change, and the reasons it would then have."""

    device: str
    owner: str
    computer_name: str
    before: Verdict
    after: Verdict
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Simulation:
    """What would happen to the `devices` that take part.

    `warned` are let in now and would still be, for as long as their grace lasts.
    """

    devices: int
    shut_out: tuple[Moved, ...]
    let_in: tuple[Moved, ...]
    warned: tuple[Moved, ...]


def simulate(
    connection: Connection, organisation: str, policy: Policy, now: datetime
) -> Simulation:
    """Return what `policy` would do, judged from what each device last reported."""
    devices = 0
    moved: list[Moved] = []
    waived_each = waivers.waived_each(connection, organisation, now)
    in_force = allowances.InForce(connection, organisation, now)
    for group in _taking_part(connection, organisation):
        devices += len(group)
        read = store.readings_of_devices(
            connection, organisation, [stored.device for stored in group]
        )
        for stored in group:
            before = _verdict_at(stored.verdict, now)
            waived = waived_each.get(stored.device, {})
            allowed = in_force.of(stored.device, stored.group)
            after, reasons = _judged(stored, read[stored.device], policy, now, (waived, allowed))
            if after is not before:
                moved.append(
                    Moved(stored.device, stored.owner, stored.computer_name, before, after, reasons)
                )
    return Simulation(
        devices,
        tuple(each for each in moved if each.before in _LET_IN and each.after not in _LET_IN),
        tuple(each for each in moved if each.before not in _LET_IN and each.after in _LET_IN),
        tuple(
            each
            for each in moved
            if each.before is Verdict.COMPLIANT and each.after is Verdict.GRACE
        ),
    )


def _verdict_at(verdict: StoredVerdict | None, now: datetime) -> Verdict:
    """Return the verdict that counts at `now` by the policy in force."""
    if verdict is None:
        return Verdict.UNKNOWN
    over = verdict.grace_until is None or now >= verdict.grace_until
    if verdict.verdict is Verdict.GRACE and over:
        return Verdict.NON_COMPLIANT
    return verdict.verdict


def _taking_part(connection: Connection, organisation: str) -> Iterator[list[StoredDevice]]:
    """Return the devices in service, so many at once as are held in memory with their readings."""
    active = (
        stored
        for stored in stored_devices(connection)
        if stored.organisation == organisation and stored.status is DeviceStatus.ACTIVE
    )
    while group := list(islice(active, AT_ONCE)):
        yield group


def _judged(
    stored: StoredDevice,
    readings: Mapping[str, Reading],
    policy: Policy,
    now: datetime,
    exceptions: tuple[Mapping[str, datetime], Sequence[Allowance]],
) -> tuple[Verdict, tuple[Reason, ...]]:
    if stored.last_seen is None:
        return Verdict.UNKNOWN, ()
    age = now - stored.last_seen
    if (
        not timedelta(seconds=-CLOCK_STEP_S)
        <= age
        <= timedelta(seconds=policy.max_age_of(stored.subject))
    ):
        return Verdict.UNKNOWN, ()
    before = _signals_before(stored)
    judged = judge_device(readings, policy, stored.subject, before, now, *exceptions)
    reasons = (reason for signal in judged.signals if signal.blocking for reason in signal.reasons)
    return judged.verdict, tuple(reasons)


def _signals_before(stored: StoredDevice) -> tuple[SignalStanding, ...]:
    if stored.verdict is None:
        return ()
    try:
        return store.read_signals(stored.verdict.signals)
    except ContractError:
        return ()
