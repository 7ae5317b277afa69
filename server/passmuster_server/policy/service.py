"""Policies in force, and the judgement of a device under them."""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.clock import Clock
from passmuster_server.database import Database, Transaction
from passmuster_server.policy import store
from passmuster_server.policy.document import Policy, default_document, parse
from passmuster_server.policy.judgement import judge_device
from passmuster_server.policy.standing import DeviceStatus, SignalStanding, Standing
from passmuster_server.policy.standings import Standings


class Policies:
    """Every organisation's policy in memory; the one place where a device is judged."""

    def __init__(self, database: Database, standings: Standings, clock: Clock) -> None:
        self._database = database
        self._standings = standings
        self._clock = clock
        self._current: dict[str, Policy] = {}

    def current(self, organisation: str) -> Policy:
        """Return the policy in force; before the first one is published, the default."""
        policy = self._current.get(organisation)
        if policy is None:
            policy = self._current[organisation] = parse(default_document(), 0)
        return policy

    def load(self, connection: Connection) -> None:
        """Read every policy and every standing: what a server does at its start."""
        self.read_policies(connection)
        for stored in store.stored_devices(connection):
            self._standings.put(self._as_stored(stored))

    def read_policies(self, connection: Connection) -> None:
        """Read the policies in force."""
        for row in store.newest_policies(connection):
            self._current[row.organisation_id] = parse(row.document, row.version)

    def judge(self, transaction: Transaction, organisation: str, device: str) -> Standing:
        """Judge the device's stored readings now, store what changed and tell the gate.

        Raises `LookupError` for a device that is not enrolled.
        """
        connection = transaction.connection
        stored = next(iter(store.stored_devices(connection, organisation, device)), None)
        if stored is None:
            raise LookupError("there is no such device")
        standing = self._judged(connection, stored)
        store.save_verdict(connection, stored.verdict, standing)
        transaction.after_commit(lambda: self._standings.put(standing))
        return standing

    async def refresh(self, organisation: str, device: str | None) -> None:
        """Take in a change that a command made: of one device, or (None) of the policy."""
        if device is not None:
            await self._database.write(
                lambda transaction: self.judge(transaction, organisation, device)
            )
            return
        await self._database.read(self.read_policies)
        for standing in list(self._standings.all(organisation)):
            await self.refresh(organisation, standing.device)

    def _judged(self, connection: Connection, stored: store.Stored) -> Standing:
        now = self._clock()
        organisation = stored.device.organisation_id
        policy = self.current(organisation)
        stale_at = _stale_at(stored, policy)
        grace_until: datetime | None = None
        signals: tuple[SignalStanding, ...] = stored.signals
        if DeviceStatus(stored.device.status) is not DeviceStatus.ACTIVE or stale_at is None:
            verdict, changed_at = Verdict.UNKNOWN, now
        elif now > stale_at:
            verdict, changed_at = Verdict.UNKNOWN, stale_at
        else:
            readings = store.readings_of(connection, organisation, stored.device.device_id)
            platform = Platform(stored.device.platform)
            judged = judge_device(readings, policy, platform, signals, now)
            verdict, changed_at = judged.verdict, now
            grace_until, signals = judged.grace_until, judged.signals
        before = stored.verdict
        unchanged = before is not None and before.verdict == verdict.value
        return store.standing_of(
            stored,
            verdict=verdict,
            since=before.since if before is not None and unchanged else changed_at,
            judged_at=now,
            max_age_s=policy.max_age_s,
            grace_until=grace_until,
            policy_version=policy.version,
            signals=signals,
        )

    def _as_stored(self, stored: store.Stored) -> Standing:
        policy = self.current(stored.device.organisation_id)
        row = stored.verdict
        return store.standing_of(
            stored,
            verdict=Verdict.UNKNOWN if row is None else Verdict(row.verdict),
            since=stored.device.enrolled_at if row is None else row.since,
            judged_at=None if row is None else row.judged_at,
            max_age_s=policy.max_age_s,
            grace_until=None if row is None else row.grace_until,
            policy_version=policy.version if row is None else row.policy_version,
            signals=stored.signals,
        )


def _stale_at(stored: store.Stored, policy: Policy) -> datetime | None:
    if stored.last_seen is None:
        return None
    return stored.last_seen + timedelta(seconds=policy.max_age_s)
