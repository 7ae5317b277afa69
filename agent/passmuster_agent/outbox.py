"""Records and the signed upload on disk until the server has answered: SQLite in WAL mode.

Every method is one transaction that is on the disk when it returns (`synchronous=FULL`). So a
process killed anywhere leaves either the state before a step or the state after it, and sending the
stored upload again, byte for byte, is always right.
"""

import dataclasses
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from passmuster_agent import outbox_caps, outbox_schema, private_files
from passmuster_agent.config import cannot_write
from passmuster_agent.database import Database, Run
from passmuster_agent.delivery import Delivery
from passmuster_agent.memories import Memories
from passmuster_agent.outbox_overview import Overview, overview_of, record_of
from passmuster_collectors.contract import codec, strict_json
from passmuster_collectors.contract.canonical import canonical_bytes, digest
from passmuster_collectors.contract.report import MAX_RECORDS, Record
from passmuster_collectors.contract.verdict import LEAST_RHYTHM_S, Answer

MAX_SET_ASIDE = 20
MAX_UPLOAD_BYTES = 180_000
"""Most bytes of records in one upload: base64url and the envelope bring it near 256 KiB."""


@dataclass(frozen=True)
class Draft:
    """What the next upload is made of: its sequence, the server's nonce, and canonical records."""

    sequence: int
    nonce: str
    records: tuple[tuple[int, bytes], ...]


@dataclass(frozen=True)
class Pending:
    """A signed upload that the server has not answered, and the sequences of its records."""

    sequence: int
    body: bytes
    records: tuple[int, ...]


class Outbox:
    """The outbox of one enrolment. Raises `OutboxError` for all that goes wrong with it."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path)
        self.memories = Memories(self._database)

    @classmethod
    def create(cls, path: Path, nonce: str, report_within_s: int) -> Self:
        """Make the outbox of a new enrolment, which begins with the server's first nonce."""
        try:
            private_files.create(path, b"")
        except OSError as error:
            raise cannot_write(path, error) from None
        outbox = cls(path)
        with outbox._database.transaction() as run:
            outbox_schema.create(run, nonce, report_within_s)
        return outbox

    def append(self, record: Record, *, changed: bool) -> Record:
        """Keep `record` as the next of the chain and return it with its sequence and `previous`.

        Beyond the caps, records that changed nothing go first, the oldest of them before the
        others; only then the oldest of the rest. The newest record and those in a signed upload
        stay.
        """
        with self._database.transaction() as run:
            chained = codec.encode(_chained(run, record))
            body = canonical_bytes(chained)
            sequence = chained["sequence"]
            run(
                "INSERT INTO records (sequence, body, changed, added_at) VALUES (?, ?, ?, ?)",
                (sequence, body, changed, codec.format_time(_now())),
            )
            run(
                "UPDATE state SET record_sequence = ?, record_digest = ?, latest = ?",
                (sequence, digest(body), body),
            )
            outbox_caps.trim(run, sequence, _now())
        return codec.decode(Record, chained)

    def preview(self, record: Record) -> Record:
        """Return what `append` would return, without keeping anything."""
        with self._database.transaction() as run:
            return _chained(run, record)

    def waiting(self) -> tuple[Record, ...]:
        """Return the records that wait for the server, the oldest first."""
        with self._database.transaction() as run:
            found = run("SELECT body FROM records WHERE problem IS NULL ORDER BY sequence")
            bodies = [body for (body,) in found]
        return tuple(codec.decode(Record, strict_json.parse(body)) for body in bodies)

    def latest(self) -> Record | None:
        """Return the newest record ever kept, delivered or not."""
        with self._database.transaction() as run:
            (body,) = run("SELECT latest FROM state").fetchone()
        return record_of(body)

    def ratchet(self) -> tuple[int, str]:
        """Return the sequence that the next new upload has, and the server's nonce for it."""
        with self._database.transaction() as run:
            sequence, nonce = run("SELECT upload_sequence, nonce FROM state").fetchone()
        return sequence + 1, nonce

    def report_within_s(self) -> int:
        """Return how often the server wants to hear from this laptop, in seconds."""
        with self._database.transaction() as run:
            return int(run("SELECT report_within_s FROM state").fetchone()[0])

    def pending(self) -> Pending | None:
        """Return the signed upload that waits for its answer."""
        with self._database.transaction() as run:
            found = run("SELECT sequence, body FROM uploads ORDER BY sequence").fetchone()
            if found is None:
                return None
            rows = run("SELECT sequence FROM records WHERE upload = ? ORDER BY sequence", found[:1])
            return Pending(found[0], found[1], tuple(row[0] for row in rows))

    def draft(self) -> Draft | None:
        """Return what to sign next, the oldest records first, or None when nothing waits."""
        with self._database.transaction() as run:
            sequence, nonce, batch = run(
                "SELECT upload_sequence, nonce, batch FROM state"
            ).fetchone()
            chosen: list[tuple[int, bytes]] = []
            size = 0
            for row in run(
                "SELECT sequence, body FROM records WHERE upload IS NULL AND problem IS NULL "
                "ORDER BY sequence LIMIT ?",
                (batch,),
            ):
                size += len(row[1])
                if chosen and size > MAX_UPLOAD_BYTES:
                    break
                chosen.append((row[0], row[1]))
        return Draft(sequence + 1, nonce, tuple(chosen)) if chosen else None

    def keep_upload(self, draft: Draft, body: bytes) -> Pending:
        """Keep the signed upload; from now on these bytes and no others are sent."""
        sequences = tuple(sequence for sequence, _ in draft.records)
        with self._database.transaction() as run:
            run("INSERT INTO uploads (sequence, body) VALUES (?, ?)", (draft.sequence, body))
            for sequence in sequences:
                run("UPDATE records SET upload = ? WHERE sequence = ?", (draft.sequence, sequence))
        return Pending(draft.sequence, body, sequences)

    def acknowledge(self, upload: Pending, answer: Answer) -> None:
        """Take the server's answer: keep its nonce and let go of the upload, in one step.

        A wish for one report at once is no rhythm and not kept as one.
        """
        within_s = answer.report_within_s
        with self._database.transaction() as run:
            if not run("DELETE FROM uploads WHERE sequence = ?", (upload.sequence,)).rowcount:
                return
            run("DELETE FROM records WHERE upload = ?", (upload.sequence,))
            run(
                "UPDATE state SET upload_sequence = ?, nonce = ?, batch = ?, "
                "report_within_s = COALESCE(?, report_within_s), "
                "answer = ?, answered_at = ?, answered_record = MAX(answered_record, ?)",
                (
                    upload.sequence,
                    answer.nonce,
                    MAX_RECORDS,
                    within_s if within_s >= LEAST_RHYTHM_S else None,
                    canonical_bytes(codec.encode(answer)),
                    codec.format_time(_now()),
                    max(upload.records, default=0),
                ),
            )

    def rotated(self, sequence: int, nonce: str) -> None:
        """Go on after a change of the key, which counted as the upload `sequence`."""
        with self._database.transaction() as run:
            run(
                "UPDATE state SET upload_sequence = ?, nonce = ? WHERE upload_sequence < ?",
                (sequence, nonce, sequence),
            )

    def set_aside(self, upload: Pending, index: int | None, problem: str) -> int | None:
        """Take back an upload that the server refused as it is; it never counted there.

        The record at `index`, or the only one, is put aside with `problem` and its sequence
        returned. Where it is not known which one was refused, the next upload has half as many.
        """
        if index is None and len(upload.records) == 1:
            index = 0
        culprit = (
            upload.records[index] if index is not None and index < len(upload.records) else None
        )
        with self._database.transaction() as run:
            run("DELETE FROM uploads WHERE sequence = ?", (upload.sequence,))
            run("UPDATE records SET upload = NULL WHERE upload = ?", (upload.sequence,))
            if culprit is None:
                run("UPDATE state SET batch = ?", (max(1, len(upload.records) // 2),))
            else:
                run("UPDATE records SET problem = ? WHERE sequence = ?", (problem, culprit))
                run(
                    "DELETE FROM records WHERE problem IS NOT NULL AND sequence NOT IN "
                    "(SELECT sequence FROM records WHERE problem IS NOT NULL "
                    "ORDER BY sequence DESC LIMIT ?)",
                    (MAX_SET_ASIDE,),
                )
        return culprit

    def note(self, delivered: Delivery) -> None:
        """Remember how the last try ended, for `status`."""
        with self._database.transaction() as run:
            run("UPDATE state SET delivery = ?", (delivered.to_bytes(),))

    def overview(self) -> Overview:
        """Return what `status` tells."""
        with self._database.transaction() as run:
            return overview_of(run)

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _chained(run: Run, record: Record) -> Record:
    sequence, previous = run("SELECT record_sequence, record_digest FROM state").fetchone()
    return dataclasses.replace(record, sequence=sequence + 1, previous=previous)


def _now() -> datetime:
    return datetime.now(UTC)
