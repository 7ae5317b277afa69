"""Hand-written statements by the driver alone: what SQLAlchemy adds is most of a hot one's cost.

PostgreSQL gets them one behind the other without anybody waiting for each answer (libpq's pipeline
mode): a group of reports then waits for the way there and back once for each report, to read it,
and not for each statement. A statement that fails in a pipeline is told of later, by whichever
waits next.
https://www.psycopg.org/psycopg3/docs/advanced/pipeline.html
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import psycopg
from sqlalchemy import Connection

from passmuster_server.engines import POSTGRESQL, in_style


class Statements:
    """Runs statements whose parameters are question marks, on one connection.

    `pipelined` says whether they go one behind the other.
    """

    def __init__(self, connection: Connection, *, pipelined: bool = False) -> None:
        self._driver: Any = connection.connection.driver_connection
        self._backend = connection.dialect.name
        self.pipelined = (
            pipelined and self._backend == POSTGRESQL and psycopg.Pipeline.is_supported()
        )
        self._pipeline: AbstractContextManager[Any] | None = None

    def run(self, statement: str, parameters: Sequence[Any], *, at_once: bool = False) -> Any:
        """Run a statement and return the driver's cursor, whose rows are waited for when read."""
        if self.pipelined and not at_once and self._pipeline is None:
            self._pipeline = self._driver.pipeline()
            self._pipeline.__enter__()
        return self._driver.execute(in_style(statement, self._backend), parameters)

    def settle(self) -> None:
        """Wait for all that was sent. Raises the driver's error for whichever failed first."""
        pipeline, self._pipeline = self._pipeline, None
        if pipeline is not None:
            pipeline.__exit__(None, None, None)

    def abandon(self) -> None:
        """Leave a pipeline in which something failed."""
        pipeline, self._pipeline = self._pipeline, None
        if pipeline is not None:
            error = _AbandonedError()
            pipeline.__exit__(_AbandonedError, error, None)


class _AbandonedError(Exception):
    """What failed is known; the pipeline has nothing to add."""
