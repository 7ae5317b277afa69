"""Reads and writes of policies, verdicts and their history."""

import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any

import msgspec
from sqlalchemy import Connection, Row, func, select

from passmuster_collectors.contract import codec, strict_json
from passmuster_collectors.contract.canonical import canonical_bytes
from passmuster_collectors.contract.declaration import Items
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.reading import Reading
from passmuster_server.database import Transaction
from passmuster_server.devices.tables import organisations
from passmuster_server.engines import run
from passmuster_server.policy.clock_set_back import pull_back
from passmuster_server.policy.default_document import default_document
from passmuster_server.policy.standing import SignalStanding, Standing
from passmuster_server.policy.stored_devices import StoredVerdict
from passmuster_server.policy.tables import ENDLESS, policies, verdicts
from passmuster_server.reports.tables import readings
from passmuster_server.schema import to_microseconds

DEFAULT = "default policy"
"""Who published a policy that came with the server."""

_INSERT_POLICY = (
    "INSERT INTO policies (organisation_id, version, document, published_at, published_by) "
    "VALUES (?, ?, ?, ?, ?) ON CONFLICT (organisation_id, version) DO NOTHING"
)
_ENDLESS = to_microseconds(ENDLESS)
MAX_STORED = 4 * 1024 * 1024
DEPTH = 32
MAX_KNOWN = 4096
MAX_KNOWN_BYTES = 4096
"""A longer signal is one laptop's own, and is read each time."""


@dataclass(frozen=True)
class _Signals:
    signals: Annotated[tuple[SignalStanding, ...], Items(64)]


class _Pieces(msgspec.Struct, forbid_unknown_fields=True):
    signals: Annotated[list[msgspec.Raw], msgspec.Meta(max_length=64)]


def judged_by_another_basis(
    connection: Connection, organisation: str, basis: str, after: str, limit: int
) -> list[str]:
    """Return up to `limit` devices, beyond `after`, whose verdict rests on another basis."""
    found = connection.execute(
        select(verdicts.c.device_id)
        .where(
            verdicts.c.organisation_id == organisation,
            verdicts.c.device_id > after,
            verdicts.c.basis != basis,
        )
        .order_by(verdicts.c.device_id)
        .limit(limit)
    )
    return list(found.scalars())


# Healthy laptops all have the same signals, so a large fleet needs few of these.
@lru_cache(maxsize=4096)
def read_signals(stored: bytes) -> tuple[SignalStanding, ...]:
    """Return the signals of a `verdicts` row. Raises `ContractError`."""
    with contextlib.suppress(msgspec.MsgspecError, ContractError):
        pieces = msgspec.json.decode(stored, type=_Pieces).signals
        return tuple([_read_signal(bytes(piece)) for piece in pieces])
    value = strict_json.parse(stored, max_bytes=MAX_STORED, max_depth=DEPTH)
    return codec.decode(_Signals, value).signals


def _read_signal(stored: bytes) -> SignalStanding:
    known = _known.get(stored)
    if known is None:
        value = strict_json.parse(stored, max_bytes=MAX_STORED, max_depth=DEPTH)
        known = codec.decode(SignalStanding, value)
        _keep(stored, known)
    return known


# Of a laptop that is shut out one signal is its own, and all others are as on the healthy ones.
_known: dict[bytes, SignalStanding] = {}


def _keep(stored: bytes, signal: SignalStanding) -> None:
    if len(stored) <= MAX_KNOWN_BYTES and stored not in _known:
        if len(_known) >= MAX_KNOWN:
            _known.clear()
        _known[stored] = signal


def write_signals(signals: tuple[SignalStanding, ...]) -> bytes:
    """Return the signals as a `verdicts` row keeps them: the canonical bytes of an object."""
    for each in signals:
        # What was just written is read with the next report.
        _keep(each.stored, each)
    return b'{"signals":[' + b",".join([each.stored for each in signals]) + b"]}"


def newest_policies(connection: Connection) -> list[Row[Any]]:
    """Return the policy in force of every organisation."""
    newest = (
        select(policies.c.organisation_id, func.max(policies.c.version).label("version"))
        .group_by(policies.c.organisation_id)
        .subquery()
    )
    statement = select(policies).join(
        newest,
        (policies.c.organisation_id == newest.c.organisation_id)
        & (policies.c.version == newest.c.version),
    )
    return list(connection.execute(statement).all())


def newest_version(connection: Connection, organisation: str) -> int:
    """Return the number of the version in force, 0 before the first one."""
    newest = connection.execute(
        select(func.max(policies.c.version)).where(policies.c.organisation_id == organisation)
    ).scalar()
    return int(newest or 0)


def versions(connection: Connection, organisation: str, limit: int) -> Sequence[Row[Any]]:
    """Return who published each of the newest versions and when, without the documents."""
    found = connection.execute(
        select(*(policies.c[name] for name in ("version", "published_at", "published_by")))
        .where(policies.c.organisation_id == organisation)
        .order_by(policies.c.version.desc())
        .limit(limit)
    )
    return found.all()


def insert_policy(
    connection: Connection, organisation: str, version: int, document: str, now: datetime, by: str
) -> bool:
    """Store a version; return whether it has its number, which another server may just have given.

    The caller's transaction goes on either way.
    """
    given = (organisation, version, document, to_microseconds(now), by)
    return run(connection, _INSERT_POLICY, given).rowcount == 1


def publish_default(connection: Connection, now: datetime) -> None:
    """Store the default policy of this version wherever nobody has published another one."""
    for organisation in connection.execute(select(organisations.c.organisation_id)).scalars():
        newest = connection.execute(
            select(policies.c.version, policies.c.document, policies.c.published_by)
            .where(policies.c.organisation_id == organisation)
            .order_by(policies.c.version.desc())
            .limit(1)
        ).one_or_none()
        document = default_document()
        if newest is None or (newest.published_by == DEFAULT and newest.document != document):
            version = 1 if newest is None else newest.version + 1
            # Where somebody publishes at a running server meanwhile, that is the policy.
            insert_policy(connection, organisation, version, document, now, DEFAULT)


def readings_of(connection: Connection, organisation: str, device: str) -> Mapping[str, Reading]:
    """Return the device's current reading of each signal."""
    rows = connection.execute(
        select(readings.c.signal, readings.c.reading).where(
            readings.c.organisation_id == organisation, readings.c.device_id == device
        )
    )
    return {row.signal: codec.decode(Reading, strict_json.parse(row.reading)) for row in rows}


def readings_of_devices(
    connection: Connection,
    organisation: str,
    devices: Sequence[str],
    signals: Collection[str] | None = None,
) -> Mapping[str, Mapping[str, Reading]]:
    """Return the current reading of each signal, or of these, of these devices.

    One that this version does not understand is left out, which makes it unknown.
    """
    found: dict[str, dict[str, Reading]] = {device: {} for device in devices}
    wanted = select(readings.c.device_id, readings.c.signal, readings.c.reading).where(
        readings.c.organisation_id == organisation, readings.c.device_id.in_(devices)
    )
    if signals is not None:
        wanted = wanted.where(readings.c.signal.in_(signals))
    for row in connection.execute(wanted):
        with contextlib.suppress(ContractError):
            reading = codec.decode(Reading, strict_json.parse(row.reading))
            found[row.device_id][row.signal] = reading
    return found


def find_policy(connection: Connection, organisation: str, version: int) -> Row[Any] | None:
    """Return one published version."""
    return connection.execute(
        select(policies).where(
            policies.c.organisation_id == organisation, policies.c.version == version
        )
    ).one_or_none()


def published_policies(connection: Connection, organisation: str) -> list[Row[Any]]:
    """Return every published policy, the newest first."""
    found = connection.execute(
        select(policies)
        .where(policies.c.organisation_id == organisation)
        .order_by(policies.c.version.desc())
    )
    return list(found.all())


_VERDICT = (
    "verdict = ?, since = ?, judged_at = ?, policy_version = ?, basis = ?, grace_until = ?, "
    "signals = ?, revision = ?"
)
_ADD_VERDICT = (
    "INSERT INTO verdicts (verdict, since, judged_at, policy_version, basis, grace_until, "
    "signals, revision, organisation_id, device_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_SET_VERDICT = (
    f"UPDATE verdicts SET {_VERDICT} "  # noqa: S608 - constants
    "WHERE organisation_id = ? AND device_id = ?"
)
_END_VERDICT = (
    "UPDATE verdict_history SET ended_at = ? WHERE organisation_id = ? AND device_id = ? "
    # Without the verdict SQLite would look through all of the organisation's history.
    "AND verdict = ? AND since = ? AND ended_at = ?"
)
_LAST_SUCH = (
    "FROM verdict_history WHERE organisation_id = ? AND verdict = ? AND device_id = ? "
    "ORDER BY ended_at DESC, since DESC, times DESC LIMIT 1"
)
_BEGIN_VERDICT = (
    "INSERT INTO verdict_history (organisation_id, device_id, since, verdict, "  # noqa: S608 - constants
    "policy_version, reasons, ended_at, had_before, times) VALUES (?, ?, ?, ?, ?, ?, ?, "
    f"COALESCE((SELECT had_before + ended_at - since {_LAST_SUCH}), 0), "
    f"COALESCE((SELECT times {_LAST_SUCH}), 0) + 1)"
)
"""Hand-written: whenever a report says something new."""


def save_verdict(
    transaction: Transaction,
    before: StoredVerdict | None,
    standing: Standing,
    basis: str,
    reasons: tuple[str, ...],
) -> None:
    """Store the verdict.

    Where the verdict differs from `before` it also goes into the history, with `reasons`.
    """
    signals = write_signals(standing.signals)
    device = (standing.organisation, standing.device)
    since, grace_until = to_microseconds(standing.since), standing.grace_until
    transaction.run(
        _ADD_VERDICT if before is None else _SET_VERDICT,
        (
            standing.verdict.value,
            since,
            to_microseconds(standing.judged_at or standing.since),
            standing.policy_version,
            basis,
            None if grace_until is None else to_microseconds(grace_until),
            signals,
            standing.revision,
            *device,
        ),
    )
    if before is not None:
        begun = to_microseconds(before.since)
        if begun > since:
            pull_back(transaction, *device, since, _ENDLESS)
            begun = since
        if before.verdict is standing.verdict:
            return
        transaction.run(_END_VERDICT, (since, *device, before.verdict.value, begun, _ENDLESS))
    such = (standing.organisation, standing.verdict.value, standing.device)
    transaction.run(
        _BEGIN_VERDICT,
        (
            *device,
            since,
            standing.verdict.value,
            standing.policy_version,
            canonical_bytes(list(reasons)),
            _ENDLESS,
            *such,
            *such,
        ),
    )
