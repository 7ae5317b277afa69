"""The last administrator stays, also where two are taken away at the same moment."""

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from passmuster_server.accounts import changes
from passmuster_server.accounts.forgetting import (
    LastAdministratorError,
    check_not_last,
    forget_person,
)
from passmuster_server.accounts.service import all_administrators, create_administrator
from passmuster_server.clock import utc_now
from passmuster_server.database import Database, Transaction
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support import example_database, postgresql

TOGETHER_S = 2.0
"""The first one waits so long for the second, which is held back, before it goes on."""
PATIENCE_S = 60.0
WHO = ("ana@example.com", "ben@example.com")


def shut_out(transaction: Transaction, email: str) -> None:
    changes.disable(transaction, DEFAULT_ORGANISATION, email, utc_now(), "a program")


def erase(transaction: Transaction, email: str) -> None:
    forget_person(transaction.connection, DEFAULT_ORGANISATION, email)


@pytest.mark.parametrize("take_away", [shut_out, erase])
def test_of_two_that_go_at_the_same_moment_one_stays(
    take_away: Callable[[Transaction, str], None],
) -> None:
    """Each server sees two of them at first, and neither of the changes."""
    url = postgresql.cluster().create_database()
    first = example_database.create_at(url)

    def enrol(transaction: Transaction) -> None:
        for email in WHO:
            create_administrator(transaction, DEFAULT_ORGANISATION, email, utc_now())

    first.write_now(enrol)
    second = Database(url)
    both_have_looked = threading.Barrier(2)

    def go(database: Database, email: str) -> str:
        def work(transaction: Transaction) -> None:
            check_not_last(transaction.connection, DEFAULT_ORGANISATION, email)
            with contextlib.suppress(threading.BrokenBarrierError):
                both_have_looked.wait(TOGETHER_S)
            take_away(transaction, email)

        try:
            database.write_now(work)
        except LastAdministratorError:
            return "refused"
        return "gone"

    try:
        with ThreadPoolExecutor() as pool:
            going = [pool.submit(go, *each) for each in zip((first, second), WHO, strict=True)]
            told = sorted(each.result(PATIENCE_S) for each in going)
        rows = first.read_now(
            lambda connection: all_administrators(connection, DEFAULT_ORGANISATION)
        )
    finally:
        second.dispose()
    assert told == ["gone", "refused"]
    assert len([row for row in rows if row.disabled_at is None]) == 1
