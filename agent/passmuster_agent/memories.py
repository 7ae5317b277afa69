"""What signals remember from one reading to the next, in the outbox's own file.

It stays on this laptop: what of it the server needs is in the readings.
"""

from typing import Any

from passmuster_agent.database import Database
from passmuster_collectors.contract import strict_json
from passmuster_collectors.contract.canonical import canonical_bytes
from passmuster_collectors.contract.errors import ContractError

# Outboxes of earlier versions have no such table.
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS memories (signal TEXT PRIMARY KEY, body BLOB NOT NULL) "
    "WITHOUT ROWID"
)
MAX_BYTES = 1_048_576


class Memories:
    """One memory for each signal that has one. Raises `OutboxError`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, signal: str) -> Any:
        """Return what a signal remembers, or None: nothing, or nothing that can be understood."""
        with self._database.transaction() as run:
            run(SCHEMA)
            row = run("SELECT body FROM memories WHERE signal = ?", (signal,)).fetchone()
        try:
            return None if row is None else strict_json.parse(row[0], max_bytes=MAX_BYTES)
        except ContractError:
            return None

    def keep(self, signal: str, memory: Any) -> None:
        """Remember; after a crash it is the old memory or the new one."""
        with self._database.transaction() as run:
            run(SCHEMA)
            run(
                "INSERT INTO memories (signal, body) VALUES (?, ?) "
                "ON CONFLICT (signal) DO UPDATE SET body = excluded.body",
                (signal, canonical_bytes(memory)),
            )
