"""Rules that one of two servers on PostgreSQL adds or removes while the other uses them."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

import msgspec
import pytest
from sqlalchemy import Connection, event, text

from passmuster_server.alerts import management, outbox
from passmuster_server.alerts.forgetting import forget_person
from passmuster_server.alerts.management import NoRuleError
from passmuster_server.alerts.rules import (
    Alert,
    Hook,
    Kind,
    Mail,
    Rule,
    Severity,
    add_rule,
    remove_rule,
    rules_of,
)
from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event, record
from passmuster_server.database import Database
from passmuster_server.schema import DEFAULT_GROUP, DEFAULT_ORGANISATION
from tests.support import example_database, postgresql

T = TypeVar("T")

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
RULE = Rule("tickets", Hook("http://127.0.0.1:9/x", "whsec_"))
ALERT = Alert("d1", Kind.SHUT_OUT, Severity.HIGH, (), 0)


@pytest.fixture
def servers() -> Iterator[tuple[Database, Database]]:
    url = postgresql.cluster().create_database()
    first, second = example_database.create_at(url), Database(url)
    yield first, second
    second.dispose()
    example_database.close_all()


def add(connection: Connection, rule: Rule = RULE) -> bool:
    return add_rule(connection, DEFAULT_ORGANISATION, rule, NOW)


def remove(connection: Connection) -> bool:
    return remove_rule(connection, DEFAULT_ORGANISATION, RULE.name)


def put(connection: Connection) -> bool:
    return outbox.put(connection, DEFAULT_ORGANISATION, DEFAULT_GROUP, ALERT, NOW)


def renamed(connection: Connection) -> int:
    """Erase whom the rule is called after."""
    return forget_person(connection, DEFAULT_ORGANISATION, "ana@example.com", "", NOW)


def commit(database: Database, work: Callable[[Connection], T]) -> T:
    return database.write_now(lambda transaction: work(transaction.connection))


def commit_in_a_group(database: Database, work: Callable[[Connection], T]) -> T:
    """Do what `commit` does, as a server does it that runs."""
    database.start()

    async def committed() -> T:
        try:
            return await database.write(lambda transaction: work(transaction.connection))
        finally:
            await database.stop()

    return asyncio.run(committed())


class Meanwhile:
    """What another server does from some moment on, until it waits for this one."""

    def __init__(
        self,
        database: Database,
        work: Callable[[Connection], Any],
        by: Callable[[Database, Callable[[Connection], Any]], Any] = commit,
    ) -> None:
        self.begun = False
        self._result: list[Any] = []
        self._thread = threading.Thread(target=self._run, args=(database, work, by))

    def _run(
        self,
        database: Database,
        work: Callable[[Connection], Any],
        by: Callable[[Database, Callable[[Connection], Any]], Any],
    ) -> None:
        try:
            self._result.append(by(database, work))
        except Exception as error:  # noqa: BLE001 - the test says what it expected
            self._result.append(error)

    def begin(self, connection: Connection) -> None:
        """Begin it, and wait until it waits for what this connection holds."""
        self.begun = True
        self._thread.start()
        deadline = time.monotonic() + 60
        held = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        while not connection.execute(held).scalar_one():
            assert time.monotonic() < deadline, f"it does not wait: {self._result}"
            time.sleep(0.02)

    def result(self) -> Any:
        """Return what became of it."""
        self._thread.join()
        return self._result[0]


def stored(database: Database) -> tuple[int, int]:
    """Return how many rules and alerts there are."""

    def count(connection: Connection) -> tuple[int, int]:
        waiting = connection.execute(text("SELECT count(*) FROM alert_outbox")).scalar_one()
        return len(rules_of(connection, DEFAULT_ORGANISATION)), waiting

    return database.read_now(count)


def side_by_side(
    servers: tuple[Database, Database],
    work: Callable[[Connection], T],
    other: Callable[[Connection], Any],
) -> tuple[T, Any]:
    """Return what became of both: the first one is committed when the other one waits for it."""
    meanwhile = Meanwhile(servers[1], other)

    def held(connection: Connection) -> T:
        result = work(connection)
        meanwhile.begin(connection)
        return result

    return commit(servers[0], held), meanwhile.result()


def test_an_alert_of_a_rule_that_is_removed_meanwhile_is_left_out(
    servers: tuple[Database, Database],
) -> None:
    commit(servers[0], add)
    assert side_by_side(servers, remove, put) == (True, False)
    assert stored(servers[0]) == (0, 0)


def test_a_rule_is_removed_with_the_alert_that_was_written_meanwhile(
    servers: tuple[Database, Database],
) -> None:
    commit(servers[0], add)
    assert side_by_side(servers, put, remove) == (True, True)
    assert stored(servers[0]) == (0, 0)


def test_of_two_who_add_one_name_one_is_told_that_it_is_there(
    servers: tuple[Database, Database],
) -> None:
    assert side_by_side(servers, add, add) == (True, False)
    assert stored(servers[0]) == (1, 0)


def test_of_two_who_remove_one_rule_one_is_told_that_it_is_gone(
    servers: tuple[Database, Database],
) -> None:
    commit(servers[0], add)

    def removed(connection: Connection) -> bool:
        try:
            management.remove(connection, DEFAULT_ORGANISATION, RULE.name, "")
        except NoRuleError:
            return False
        return True

    assert side_by_side(servers, removed, removed) == (True, False)


def test_whoever_removes_a_rule_waits_for_the_one_that_has_just_sent_for_it(
    servers: tuple[Database, Database],
) -> None:
    commit(servers[0], add)
    commit(servers[0], put)
    message = commit(servers[0], lambda connection: outbox.next_message(connection, NOW))
    assert message is not None
    meanwhile = Meanwhile(servers[1], remove)

    def after(connection: Connection, _: Any, statement: str, *__: Any) -> None:
        if statement.startswith("UPDATE alert_rules") and not meanwhile.begun:
            meanwhile.begin(connection)

    event.listen(servers[0].writer_engine, "after_cursor_execute", after)
    commit(servers[0], lambda connection: outbox.settle(connection, message, NOW))
    assert meanwhile.result() is True
    assert stored(servers[0]) == (0, 0)


def test_whoever_erases_a_person_and_whoever_removes_a_rule_of_hers_wait_for_one_another(
    servers: tuple[Database, Database],
) -> None:
    hers = Mail("ana@example.com", "gate@example.com", "127.0.0.1", 9, "none")
    for name in ("a", "b"):
        commit(servers[0], partial(add, rule=Rule(name, hers)))

    def removed(connection: Connection) -> bool:
        try:
            gone = management.remove(connection, DEFAULT_ORGANISATION, "b", "it@example.com")
        except NoRuleError:
            return False
        record(connection, DEFAULT_ORGANISATION, gone, NOW)
        return True

    meanwhile = Meanwhile(servers[1], removed)

    def after(connection: Connection, _: Any, statement: str, *__: Any) -> None:
        if statement.startswith("INSERT INTO audit_entries") and not meanwhile.begun:
            meanwhile.begin(connection)

    event.listen(servers[0].writer_engine, "after_cursor_execute", after)
    erased = commit(
        servers[0],
        lambda each: forget_person(each, DEFAULT_ORGANISATION, hers.to, "it@example.com", NOW),
    )
    assert (erased, meanwhile.result()) == (2, False)
    assert stored(servers[0]) == (0, 0)


def removed_and_recorded(connection: Connection, between: Callable[[], None]) -> None:
    """Hold the rule, then the end of the record."""
    gone = management.remove(connection, DEFAULT_ORGANISATION, RULE.name, "it@example.com")
    between()
    record(connection, DEFAULT_ORGANISATION, gone, NOW)


def recorded_and_told(connection: Connection, between: Callable[[], None]) -> None:
    """Hold the end of the record, then the rule, as writes of one group may."""
    record(connection, DEFAULT_ORGANISATION, Event(Action.POLICY_PUBLISHED, ""), NOW)
    between()
    put(connection)


@pytest.mark.parametrize("by", [commit, commit_in_a_group])
@pytest.mark.parametrize(
    ("work", "other"),
    [(removed_and_recorded, recorded_and_told), (recorded_and_told, removed_and_recorded)],
)
def test_nobody_is_told_to_try_again_where_a_rule_is_removed_while_it_is_told_something(
    servers: tuple[Database, Database],
    work: Callable[[Connection, Callable[[], None]], None],
    other: Callable[[Connection, Callable[[], None]], None],
    by: Callable[..., Any],
) -> None:
    commit(servers[0], add)
    begun = []

    def do_other(connection: Connection) -> None:
        begun.append("other")
        other(connection, lambda: None)

    meanwhile = Meanwhile(servers[1], do_other, by)

    def do_work(connection: Connection) -> None:
        begun.append("work")
        work(connection, lambda: None if meanwhile.begun else meanwhile.begin(connection))

    by(servers[0], do_work)
    assert meanwhile.result() is None
    assert len(begun) == 3, "expected one of them to be undone and begun again"
    assert stored(servers[0]) == (0, 0)
    count = text("SELECT count(*) FROM audit_entries")
    assert servers[0].read_now(lambda connection: connection.execute(count).scalar_one()) == 2


def test_an_alert_of_a_rule_that_is_renamed_meanwhile_waits_by_its_new_name(
    servers: tuple[Database, Database],
) -> None:
    hers = msgspec.structs.replace(RULE, name="hook ana@example.com")
    commit(servers[0], partial(add, rule=hers))
    assert side_by_side(servers, renamed, put) == (0, True)
    assert stored(servers[0]) == (1, 1)


def test_what_is_sent_while_its_rule_is_renamed_is_sent_once(
    servers: tuple[Database, Database],
) -> None:
    hers = msgspec.structs.replace(RULE, name="hook ana@example.com")
    commit(servers[0], partial(add, rule=hers))
    commit(servers[0], put)
    message = commit(servers[0], lambda connection: outbox.next_message(connection, NOW))
    assert message is not None
    commit(servers[1], renamed)
    commit(servers[0], lambda connection: outbox.settle(connection, message, NOW))
    assert stored(servers[0]) == (1, 0)
    commit(servers[0], put)
    again = commit(servers[0], lambda connection: outbox.next_message(connection, NOW))
    assert again is not None, "expected the rule to be free for the next alert"
    assert "ana" not in again.rule.name
