"""Policies in force, and the judgement of a device under them."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection

from passmuster_collectors.contract.reading import Reading
from passmuster_collectors.contract.verdict import Outcome, Verdict
from passmuster_server.clock import Clock
from passmuster_server.database import Database, Transaction
from passmuster_server.policy import allowances, store
from passmuster_server.policy.default_document import default_document
from passmuster_server.policy.document import Policy, parse, resting_on
from passmuster_server.policy.exceptions import exceptions_of
from passmuster_server.policy.judgement import judge_device
from passmuster_server.policy.standing import (
    DeviceStatus,
    Reason,
    SignalStanding,
    Standing,
    first_exception_end,
)
from passmuster_server.policy.standings import Standings
from passmuster_server.policy.stored_devices import (
    StoredDevice,
    StoredVerdict,
    hold_device,
    some_devices,
    stored_device,
    stored_devices,
)
from passmuster_server.policy.stored_standing import signals_of, standing_of, still_holds

Readings = Callable[[], Mapping[str, Reading]]
VerdictListener = Callable[[Transaction, Standing, Verdict | None], None]
"""Called in the transaction that stores a verdict other than the one before (None: the first)."""

_OUT_OF_SERVICE: Mapping[DeviceStatus, str] = {
    DeviceStatus.PENDING: "The device waits for an administrator's approval",
    DeviceStatus.CONFLICT: (
        "Two laptops report with this device's key: neither is believed until one is enrolled again"
    ),
    DeviceStatus.REVOKED: "The device was revoked",
    DeviceStatus.RETIRED: "The device was retired",
    DeviceStatus.LOST: "The device was reported lost",
}
_APPROVAL = SignalStanding(
    "approval",
    "Approval by IT",
    Outcome.UNKNOWN,
    (
        Reason(
            "approval",
            Outcome.UNKNOWN,
            "IT has not approved this laptop yet. Until then it opens nothing.",
            "waits for an administrator's approval",
            None,
        ),
    ),
)
"""All that a laptop is told that waits: where it stands is judged once it is in service."""
_NEVER_REPORTED = "The device has not reported since it was enrolled"


class Policies:
    """Every organisation's policy in memory; the one place where a device is judged."""

    def __init__(self, database: Database, standings: Standings, clock: Clock) -> None:
        self._database = database
        self._standings = standings
        self._clock = clock
        self._parsed: dict[str, Policy] = {}
        self._current: dict[str, Policy] = {}
        self._verdict_listeners: list[VerdictListener] = []

    def on_verdict(self, listener: VerdictListener) -> None:
        """Let `listener` write, in the same transaction, what follows from a changed verdict."""
        self._verdict_listeners.append(listener)

    def current(self, organisation: str) -> Policy:
        """Return the policy in force; before the first one is published, the default."""
        policy = self._current.get(organisation)
        if policy is None:
            policy = self._current[organisation] = parse(default_document(), 0)
        return policy

    def organisations(self) -> tuple[str, ...]:
        """Return the organisations that have a policy in force."""
        return tuple(self._current)

    def load(self, connection: Connection) -> list[Standing]:
        """Read every policy and return every standing: what a server does at its start."""
        self.read_policies(connection)
        return [self._as_stored(stored) for stored in stored_devices(connection)]

    def standings_of(
        self, connection: Connection, devices: Iterable[tuple[str, str]]
    ) -> list[Standing]:
        """Return where these devices (organisation, device) stand by what is stored."""
        named: dict[str, list[str]] = {}
        for organisation, device in devices:
            named.setdefault(organisation, []).append(device)
        return [
            self._as_stored(stored)
            for organisation, names in named.items()
            for stored in some_devices(connection, organisation, names)
        ]

    def read_policies(self, connection: Connection) -> None:
        """Read the policies in force, and on which allowances they rest.

        Raises `ContractError` for one that this version of the server does not understand.
        """
        for row in store.newest_policies(connection):
            organisation = row.organisation_id
            policy = self._parsed.get(organisation)
            if policy is None or policy.version != row.version:
                policy = self._parsed[organisation] = parse(row.document, row.version)
            beside = allowances.basis_of(connection, organisation)
            self._current[organisation] = resting_on(policy, beside)

    def judge(self, transaction: Transaction, organisation: str, device: str) -> Standing:
        """Judge the device's stored readings now, store the verdict and tell the gate.

        Raises `LookupError` for a device that is not enrolled.
        """
        connection = transaction.connection
        hold_device(transaction, organisation, device)
        stored = stored_device(connection, organisation, device)
        if stored is None:
            raise LookupError("there is no such device")
        return self._judge(
            transaction,
            stored,
            lambda: store.readings_of(connection, organisation, device),
            self._clock(),
        )

    def judge_report(
        self,
        transaction: Transaction,
        stored: StoredDevice,
        readings: Readings,
        now: datetime,
        *,
        changed: bool,
    ) -> Standing:
        """Judge what a device has just reported; return its standing.

        `stored` is the device after this report. Where nothing `changed`, the verdict that is
        stored is still the right one, unless policy, rules or a period of grace say otherwise,
        or a clock that ran ahead said when it began.
        """
        before = stored.verdict
        policy = self.current(stored.organisation)
        if (
            changed
            or before is None
            or before.since > now
            or not still_holds(stored, policy.basis, now)
        ):
            return self._judge(transaction, stored, readings, now)
        standing = standing_of(stored, before, policy, judged_at=now)
        self._put(transaction, standing)
        return standing

    async def refresh(self, organisation: str, device: str) -> None:
        """Judge the device again: a command or the time has changed something.

        Raises `LookupError` for a device that is not enrolled any more; the gate then forgets it.
        """

        def work(transaction: Transaction) -> None:
            self.judge(transaction, organisation, device)

        try:
            await self._database.write(work)
        except LookupError:
            self._standings.remove(organisation, device)
            raise

    def _judge(
        self, transaction: Transaction, stored: StoredDevice, readings: Readings, now: datetime
    ) -> Standing:
        policy = self.current(stored.organisation)
        before = stored.verdict
        # What it was told while it waited says nothing of what it reports.
        signals = tuple(each for each in signals_of(stored) if each.signal != _APPROVAL.signal)
        grace_until, changed_at = None, now
        verdict = Verdict.UNKNOWN
        reasons: tuple[str, ...] = (_why_unknown(stored, policy),)
        stale_at = _stale_at(stored, policy)
        if stored.status is DeviceStatus.PENDING:
            signals = (_APPROVAL,)
        if stored.status is DeviceStatus.ACTIVE and stale_at is not None:
            if now > stale_at:
                changed_at = stale_at
            else:
                beside = exceptions_of(transaction, stored, now)
                judged = judge_device(
                    *(readings(), policy, stored.subject, signals, now),
                    *(beside.waived, beside.allowed),
                )
                verdict, grace_until, signals = judged.verdict, judged.grace_until, judged.signals
                blocking = (signal for signal in signals if signal.blocking)
                reasons = tuple(reason.admin for signal in blocking for reason in signal.reasons)
        since = changed_at
        if before is not None:
            # Nothing ends before it began: a new limit may say that a report was too old long ago.
            # And nothing begins later than now, whatever a clock that ran ahead had said before.
            begun = min(before.since, now)
            since = begun if before.verdict is verdict else max(changed_at, begun)
        standing = Standing(
            organisation=stored.organisation,
            device=stored.device,
            owner=stored.owner,
            computer_name=stored.computer_name,
            platform=stored.platform,
            status=stored.status,
            verdict=verdict,
            since=since,
            judged_at=now,
            last_seen=stored.last_seen,
            max_age_s=policy.max_age_of(stored.subject),
            grace_until=grace_until,
            policy_version=policy.version,
            report_sequence=stored.sequence,
            signals=signals,
            judged=policy.judged_of(stored.subject),
            revision=1 if before is None else before.revision + 1,
            waived_until=first_exception_end(signals),
            group=stored.group,
        )
        store.save_verdict(transaction, before, standing, policy.basis, reasons)
        if before is None or before.verdict is not verdict:
            for listener in self._verdict_listeners:
                listener(transaction, standing, None if before is None else before.verdict)
        self._put(transaction, standing)
        return standing

    def _put(self, transaction: Transaction, standing: Standing) -> None:
        transaction.moved.append((standing.organisation, standing.device))
        transaction.after_commit(lambda: self._standings.put(standing))

    def _as_stored(self, stored: StoredDevice) -> Standing:
        policy = self.current(stored.organisation)
        if stored.verdict is not None:
            return standing_of(stored, stored.verdict, policy)
        unjudged = StoredVerdict(
            Verdict.UNKNOWN,
            stored.enrolled_at,
            stored.enrolled_at,
            policy.version,
            policy.basis,
            None,
            store.write_signals(()),
        )
        return standing_of(stored, unjudged, policy)


def check_policies(connection: Connection) -> None:
    """Raise `ContractError` for a policy in force that this version does not understand."""
    for row in store.newest_policies(connection):
        parse(row.document, row.version)


def _stale_at(stored: StoredDevice, policy: Policy) -> datetime | None:
    if stored.last_seen is None:
        return None
    return stored.last_seen + timedelta(seconds=policy.max_age_of(stored.subject))


def _why_unknown(stored: StoredDevice, policy: Policy) -> str:
    if stored.status in _OUT_OF_SERVICE:
        return _OUT_OF_SERVICE[stored.status]
    if stored.last_seen is None:
        return _NEVER_REPORTED
    return f"No report for {policy.max_age_of(stored.subject)} s"
