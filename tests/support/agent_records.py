"""Records as the agent makes them, and answers as a server gives them, for the outbox's tests."""

from datetime import UTC, datetime

from passmuster_agent.records import new_record
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.reading import Reading, Source, SourceOutcome, unavailable
from passmuster_collectors.contract.report import Record
from passmuster_collectors.contract.verdict import Answer, Verdict


def a_reading(reason: str, size: int = 0) -> Reading:
    """Return a reading; `size` makes it larger by about as many bytes."""
    padding = [
        Source(f"{index:0>256}", SourceOutcome.READ, "x" * 256) for index in range(size // 512)
    ]
    return unavailable("test_signal", datetime.now(UTC), reason, padding)


def a_record(reason: str = "test", size: int = 0) -> Record:
    """Return a record of the device `device-1` with one reading."""
    return new_record("device-1", Platform.LINUX, datetime.now(UTC), [a_reading(reason, size)])


def an_answer(nonce: str = "next nonce", verdict: Verdict = Verdict.COMPLIANT) -> Answer:
    """Return a server's answer."""
    return Answer(1, verdict, datetime.now(UTC), 1, (), None, nonce, 3600)
