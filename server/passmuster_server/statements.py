"""Hand-written statements by the driver alone: what SQLAlchemy adds is most of a hot one's cost.

PostgreSQL gets them one behind the other without anybody waiting for each answer (libpq's pipeline
mode): a group of reports then waits for the way there and back once for each report, to read it,
and not for each statement. A statement that fails in a pipeline is told of later, by whichever
waits next.
https://www.psycopg.org/psycopg3/docs/advanced/pipeline.html
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import Connection

from passmuster_server.engines import POSTGRESQL, in_style


@dataclass(frozen=True, slots=True)
class RowStatement:
    """A write of one row that can wait; its parameters are question marks.

    `many` is the same for many rows at once on PostgreSQL: each parameter, as psycopg marks it, is
    the list of that parameter of all rows. SQLite runs `one` for each of them in one call.
    """

    one: str
    many: str


class Statements:
    """Runs statements whose parameters are question marks, on one connection.

    `grouped` says whether they are those of a group: rows may wait for others then, and PostgreSQL
    gets one statement behind the other.
    """

    def __init__(self, connection: Connection, *, grouped: bool = False) -> None:
        self._driver: Any = connection.connection.driver_connection
        self._backend = connection.dialect.name
        self.grouped = grouped
        self._pipelined = (
            grouped and self._backend == POSTGRESQL and psycopg.Pipeline.is_supported()
        )
        self._pipeline: AbstractContextManager[Any] | None = None
        self._put_off: dict[RowStatement, list[Sequence[Any]]] = {}

    def run(self, statement: str, parameters: Sequence[Any], *, at_once: bool = False) -> Any:
        """Run a statement and return the driver's cursor, whose rows are waited for when read."""
        if self._put_off and (at_once or statement.startswith("SELECT")):
            self._catch_up()
        if self._pipelined and not at_once:
            self._enter()
        return self._driver.execute(in_style(statement, self._backend), parameters)

    def put_off(self, statement: RowStatement, parameters: Sequence[Any]) -> None:
        """Write a row with others of its kind, before anything is read; at once without a group.

        No row is written twice without a read of it in between.
        """
        if self.grouped:
            self._put_off.setdefault(statement, []).append(parameters)
        else:
            self.run(statement.one, parameters)

    def _catch_up(self) -> None:
        waiting, self._put_off = self._put_off, {}
        for statement, rows in waiting.items():
            if len(rows) == 1:
                self.run(statement.one, rows[0])
            elif self._backend != POSTGRESQL:
                self._driver.executemany(statement.one, rows)
            else:
                if self._pipelined:
                    self._enter()
                self._driver.execute(
                    statement.many, [list(each) for each in zip(*rows, strict=True)]
                )

    def _enter(self) -> None:
        if self._pipeline is None:
            self._pipeline = self._driver.pipeline()
            self._pipeline.__enter__()

    def settle(self) -> None:
        """Wait for all that was sent. Raises the driver's error for whichever failed first."""
        self._catch_up()
        pipeline, self._pipeline = self._pipeline, None
        if pipeline is not None:
            pipeline.__exit__(None, None, None)

    def abandon(self) -> None:
        """Leave a pipeline in which something failed, and what waits unwritten."""
        self._put_off = {}
        pipeline, self._pipeline = self._pipeline, None
        if pipeline is not None:
            error = _AbandonedError()
            pipeline.__exit__(_AbandonedError, error, None)


class _AbandonedError(Exception):
    """What failed is known; the pipeline has nothing to add."""
