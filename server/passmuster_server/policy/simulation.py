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
from passmuster_server.policy.demands import JUDGED
from passmuster_server.policy.document import Policy, parse, resting_on
from passmuster_server.policy.judgement import judge_device
from passmuster_server.policy.overlays import Subject
from passmuster_server.policy.standing import CLOCK_STEP_S, DeviceStatus, Reason, SignalStanding
from passmuster_server.policy.stored_devices import StoredDevice, stored_devices
from passmuster_server.policy.stored_standing import signals_of, standing_of, still_holds

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
    """Return what `policy` would do, judged from what each device last reported.

    What it demands as the policy in force does was judged already: only the rest is judged again.
    """
    current = _in_force(connection, organisation)
    unchanged = _Unchanged(current, policy, now)
    devices = 0
    moved: list[Moved] = []
    waived_each = waivers.waived_each(connection, organisation, now)
    in_force = allowances.InForce(connection, organisation, now)
    for group in _taking_part(connection, organisation):
        devices += len(group)
        settled = {stored.device: unchanged.of(stored) for stored in group}
        wanted = {
            signal.id
            for signal in JUDGED
            if any(signal.id not in each for each in settled.values())
        }
        read = store.readings_of_devices(
            connection, organisation, [stored.device for stored in group], wanted
        )
        for stored in group:
            before = _verdict_now(stored, current or policy, now)
            waived = waived_each.get(stored.device, {})
            allowed = in_force.of(stored.device, stored.group)
            known = read[stored.device], waived, allowed, settled[stored.device]
            after, reasons = _judged(stored, policy, now, *known)
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


class _Unchanged:
    """Which signals a policy judges as the one in force does, and how they were judged."""

    def __init__(self, current: Policy | None, policy: Policy, now: datetime) -> None:
        self._current = current
        self._policy = policy
        self._now = now
        self._signals: dict[Subject, frozenset[str]] = {}

    def of(self, stored: StoredDevice) -> Mapping[str, SignalStanding]:
        """Return the signals of a device that need not be judged again."""
        current = self._current
        if current is None or not still_holds(stored, current.basis, self._now):
            return {}
        subject = stored.subject
        signals = self._signals.get(subject)
        if signals is None:
            signals = self._signals[subject] = frozenset(
                signal.id
                for signal in JUDGED
                if self._policy.demanded(signal.id, subject) == current.demanded(signal.id, subject)
            )
        return {each.signal: each for each in signals_of(stored) if each.signal in signals}


def _in_force(connection: Connection, organisation: str) -> Policy | None:
    version = store.newest_version(connection, organisation)
    row = store.find_policy(connection, organisation, version)
    if row is None:
        return None
    try:
        policy = parse(row.document, row.version)
    except ContractError:
        return None
    return resting_on(policy, allowances.basis_of(connection, organisation))


def _verdict_now(stored: StoredDevice, policy: Policy, now: datetime) -> Verdict:
    """Return the verdict that counts at `now`; `policy` says for how long a report does."""
    if stored.verdict is None:
        return Verdict.UNKNOWN
    return standing_of(stored, stored.verdict, policy).verdict_at(now)


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
    policy: Policy,
    now: datetime,
    readings: Mapping[str, Reading],
    waived: Mapping[str, datetime],
    allowed: Sequence[Allowance],
    settled: Mapping[str, SignalStanding],
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
    before = signals_of(stored)
    judged = judge_device(readings, policy, stored.subject, before, now, waived, allowed, settled)
    reasons = (reason for signal in judged.signals if signal.blocking for reason in signal.reasons)
    return judged.verdict, tuple(reasons)
