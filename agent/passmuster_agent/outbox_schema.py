"""The tables of the outbox, as a new enrolment makes them."""

from passmuster_agent.database import Run
from passmuster_collectors.contract.report import MAX_RECORDS

SCHEMA = """
CREATE TABLE records (
    sequence INTEGER PRIMARY KEY, body BLOB NOT NULL, changed INTEGER NOT NULL,
    added_at TEXT NOT NULL, upload INTEGER, problem TEXT);
CREATE TABLE uploads (sequence INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE state (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    record_sequence INTEGER NOT NULL DEFAULT 0, record_digest TEXT NOT NULL DEFAULT '', latest BLOB,
    upload_sequence INTEGER NOT NULL DEFAULT 0, nonce TEXT NOT NULL,
    batch INTEGER NOT NULL, report_within_s INTEGER NOT NULL,
    answer BLOB, answered_at TEXT, answered_record INTEGER NOT NULL DEFAULT 0,
    dropped INTEGER NOT NULL DEFAULT 0, delivery BLOB);
"""


def create(run: Run, nonce: str, report_within_s: int) -> None:
    """Make the tables within the caller's transaction, with the server's first nonce."""
    for statement in filter(str.strip, SCHEMA.split(";")):
        run(statement)
    run(
        "INSERT INTO state (one, nonce, batch, report_within_s) VALUES (1, ?, ?, ?)",
        (nonce, MAX_RECORDS, report_within_s),
    )
