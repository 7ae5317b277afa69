"""What the outbox tells of itself: what waits, the last answer, and how the last try ended."""

from dataclasses import dataclass
from datetime import datetime

from passmuster_agent import delivery
from passmuster_agent.database import Run
from passmuster_agent.delivery import Delivery
from passmuster_collectors.contract import codec, strict_json
from passmuster_collectors.contract.report import Record
from passmuster_collectors.contract.verdict import Answer


@dataclass(frozen=True)
class Overview:
    """What `status` tells. `reported` says whether the latest record is with the server."""

    waiting: int
    set_aside: tuple[str, ...]
    dropped: int
    latest: Record | None
    reported: bool
    answer: Answer | None
    answered_at: datetime | None
    report_within_s: int
    delivery: Delivery | None


def overview_of(run: Run) -> Overview:
    """Return what `status` tells, read within the caller's transaction."""
    row = run(
        "SELECT dropped, latest, record_sequence <= answered_record, answer, answered_at, "
        "report_within_s, delivery FROM state"
    ).fetchone()
    (waiting,) = run("SELECT COUNT(*) FROM records WHERE problem IS NULL").fetchone()
    aside = run("SELECT problem FROM records WHERE problem IS NOT NULL ORDER BY sequence")
    problems = tuple(problem for (problem,) in aside)
    dropped, latest, reported, answer, answered_at, report_within_s, last = row
    return Overview(
        waiting=waiting,
        set_aside=problems,
        dropped=dropped,
        latest=record_of(latest),
        reported=bool(reported),
        answer=None if answer is None else codec.decode(Answer, strict_json.parse(answer)),
        answered_at=None if answered_at is None else codec.parse_time(answered_at, "answered_at"),
        report_within_s=report_within_s,
        delivery=last and delivery.from_bytes(last),
    )


def record_of(body: bytes | None) -> Record | None:
    """Return the record whose canonical form is kept, or None where none is."""
    return None if body is None else codec.decode(Record, strict_json.parse(body))
