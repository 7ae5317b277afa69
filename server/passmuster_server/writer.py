"""The connection of the thread that commits, kept from one group of writes to the next.

To take it from the pool, begin, commit and give it back by SQLAlchemy takes several times as long
as the driver alone. What a write says to it by SQLAlchemy is in the same transaction.
"""

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Engine

from passmuster_server.engines import begin_writing

KEPT_IDLE_S = 1.0
"""After so long a connection is given back: whoever takes it again asks whether it still lives."""


class Writer:
    """One thread's connection for writes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._used_at = 0.0

    @contextlib.contextmanager
    def begin(self) -> Iterator[Connection]:
        """Commit what is done with the connection, or roll it back where it fails.

        Raises what the driver or SQLAlchemy raises.
        """
        connection = self._kept()
        try:
            driver: Any = connection.connection.driver_connection
            begin_writing(connection)
            yield connection
            if connection.in_transaction():
                connection.commit()
            else:
                driver.commit()
        except BaseException:
            self.close()
            raise
        self._used_at = time.monotonic()

    def close(self) -> None:
        """Give the connection back, with whatever it was in the middle of undone."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _kept(self) -> Connection:
        if time.monotonic() - self._used_at > KEPT_IDLE_S:
            self.close()
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection
