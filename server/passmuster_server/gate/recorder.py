"""Every decision on record, without anyone at the gate waiting for the disk.

An answer leaves once there is room to record it; a bounded queue is written in groups. A denial
leaves in any case; an allow that has no room is not given (docs/decisions/0007).
"""

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Callable
from datetime import datetime
from itertools import chain
from typing import Any, Protocol

import msgspec
from sqlalchemy import Connection, delete, select

from passmuster_server.background import BackgroundTask
from passmuster_server.database import APART, Database, StoreUnavailableError, Transaction
from passmuster_server.devices.tables import organisations
from passmuster_server.gate.basis import basis_of
from passmuster_server.gate.decision import Decision, Proof, Question
from passmuster_server.gate.tables import decisions
from passmuster_server.schema import to_microseconds

MAX_WAITING = 10_000
MAX_GROUP = 2_000
GATHER_S = 0.05
RETRY_S = (0.1, 0.5, 1.0, 2.0, 5.0)

_log = logging.getLogger(__name__)


class Counted(Protocol):
    """Is told each answer that was given."""

    def __call__(self, *, allowed: bool) -> None:
        """Count it."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """One decision under its id: what was asked, by whom and when, and what was answered."""

    decision_id: str
    decided_at: datetime
    client: str
    question: Question
    policy_version: int
    decision: Decision


class DecisionRecorder:
    """The queue of decisions that are not stored yet, and the look-up of those that are."""

    def __init__(
        self,
        database: Database,
        *,
        max_waiting: int = MAX_WAITING,
        counted: Counted | None = None,
    ) -> None:
        self._database = database
        self._max_waiting = max_waiting
        self._counted = counted
        self._waiting: dict[str, Record] = {}
        self._arrived = asyncio.Event()
        self._stopping = asyncio.Event()
        self.task = BackgroundTask("decisions", self._run, end=self._end)
        self.unrecorded_denials = 0

    def _end(self) -> None:
        """Write what is waiting; what the store refuses now is told to the log and lost."""
        self._stopping.set()
        self._arrived.set()

    def put(self, record: Record) -> None:
        """Queue the record. Raises `StoreUnavailableError` for an allow that has no room."""
        has_room = len(self._waiting) < self._max_waiting
        if not has_room and record.decision.allowed:
            raise StoreUnavailableError("too many decisions are waiting to be recorded")
        if self._counted is not None:
            self._counted(allowed=record.decision.allowed)
        if has_room:
            self._waiting[record.decision_id] = record
            self._arrived.set()
        else:
            self.unrecorded_denials += 1

    async def question_of(self, decision: str) -> tuple[Question, datetime] | None:
        """Return what was asked and when, or None for an unknown decision."""
        record = self._waiting.get(decision)
        if record is not None:
            return record.question, record.decided_at
        return await self._database.read(lambda connection: _find(connection, decision))

    async def _run(self) -> None:
        failures = 0
        while True:
            await self._arrived.wait()
            if not self._stopping.is_set():
                await asyncio.sleep(GATHER_S)
            group = list(itertools.islice(self._waiting.values(), MAX_GROUP))
            try:
                if group:
                    await self._write(group)
                failures = 0
            except StoreUnavailableError:
                if self._stopping.is_set():
                    _log.error("%d decisions could not be recorded at the end", len(self._waiting))
                    return
                pause = RETRY_S[min(failures, len(RETRY_S) - 1)]
                failures += 1
                _log.warning("%d decisions wait for the database", len(self._waiting))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), pause)
            if not self._waiting:
                self._report_losses()
                if self._stopping.is_set():
                    return
                self._arrived.clear()

    async def _write(self, group: list[Record]) -> None:
        insert = _insert_by_json if self._database.shared else _insert_by_values
        await self._database.write(insert([_row(record) for record in group]), APART)
        for record in group:
            del self._waiting[record.decision_id]

    def _report_losses(self) -> None:
        if self.unrecorded_denials:
            _log.error("%d denials were given unrecorded", self.unrecorded_denials)
            self.unrecorded_denials = 0


# Many rows by one statement: the database works through it without Python's lock, which row by row
# would be taken and given back under the nose of the requests.
_COLUMNS = """
    INSERT INTO decisions (
        organisation_id, decision_id, decided_at, client_id, subject, application, device_id,
        proof, allowed, policy_version, reasons
    )
    """
_BY_JSON = (
    _COLUMNS
    + """
    SELECT
        value->>0, value->>1, (value->>2)::bigint, value->>3, value->>4, value->>5, value->>6,
        value->>7, (value->>8)::boolean, (value->>9)::integer, convert_to(value->>10, 'UTF8')
    FROM json_array_elements(?::json)
    """
)
_ROW = f"({', '.join(['?'] * 11)})"
_BY_VALUES = {
    rows: f"{_COLUMNS} VALUES {', '.join([_ROW] * rows)}"
    for rows in (200, 20, 1)  # few enough statements that SQLite compiles each of them once
}

Row = tuple[Any, ...]


def _insert_by_values(rows: list[Row]) -> Callable[[Transaction], None]:
    """Return what writes the rows to SQLite: their values as they are, in statements of 200."""

    def insert(transaction: Transaction) -> None:
        begin = 0
        for size, statement in _BY_VALUES.items():
            for end in range(begin + size, len(rows) + 1, size):
                transaction.run(statement, tuple(chain.from_iterable(rows[begin:end])))
                begin = end

    return insert


def _insert_by_json(rows: list[Row]) -> Callable[[Transaction], None]:
    """Return what writes the rows to PostgreSQL: one statement with one parameter."""
    texts = [(*row[:-1], row[-1].decode("utf-8")) for row in rows]
    parameter = msgspec.json.encode(texts).decode("utf-8")

    def insert(transaction: Transaction) -> None:
        transaction.run(_BY_JSON, (parameter,))

    return insert


def forget_decisions(connection: Connection, before: datetime, limit: int) -> int:
    """Delete up to `limit` decisions from before a moment; return how many that was."""
    old = select(decisions.c.decision_id).where(decisions.c.decided_at < before).limit(limit)
    return connection.execute(
        delete(decisions).where(decisions.c.decided_at < before, decisions.c.decision_id.in_(old))
    ).rowcount


def _row(record: Record) -> Row:
    """Return the values in the order of the columns."""
    question = record.question
    return (
        question.organisation,
        record.decision_id,
        to_microseconds(record.decided_at),
        record.client,
        question.person,
        question.application,
        question.device,
        str(question.proof),
        record.decision.allowed,
        record.policy_version,
        basis_of(record.decision),
    )


def _find(connection: Connection, decision: str) -> tuple[Question, datetime] | None:
    row = connection.execute(
        select(decisions).where(
            # Keyed by organisation first, which whoever follows the link doesn't know.
            decisions.c.organisation_id.in_(select(organisations.c.organisation_id)),
            decisions.c.decision_id == decision,
        )
    ).one_or_none()
    if row is None:
        return None
    question = Question(
        row.organisation_id, row.subject, row.application, row.device_id, Proof(row.proof)
    )
    return question, row.decided_at
