"""Receivers that are slow or hang: a try ends, and nobody but the alert waits for them."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from passmuster_server.alerts import connections
from passmuster_server.alerts.errors import NotSentError
from passmuster_server.alerts.mail import send_mail
from passmuster_server.alerts.outbox import CLAIM
from passmuster_server.alerts.rules import Mail, Syslog
from passmuster_server.alerts.syslog import send_syslog

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)


@contextlib.contextmanager
def dripping(octet: bytes) -> Iterator[tuple[int, threading.Event]]:
    """Listen on a port and say an octet every now and then; the event says that the caller left."""
    left, ending = threading.Event(), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                while not ending.wait(0.02):
                    connection.sendall(octet)
            left.set()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1], left
        finally:
            ending.set()
            thread.join()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "TRY_S", 1.0)


@pytest.mark.usefixtures("impatient")
@pytest.mark.timeout(60)
def test_a_mail_server_that_never_ends_what_it_says_is_left() -> None:
    with dripping(b"2") as (port, left):
        mail = Mail("it@example.com", "gate@example.com", "127.0.0.1", port, "none")
        with pytest.raises(NotSentError, match="TimeoutError"):
            send_mail(mail, "x", "x", NOW)
        assert left.wait(30), "the connection stayed open"


@pytest.mark.usefixtures("impatient")
@pytest.mark.timeout(60)
def test_a_receiver_of_syslog_that_never_ends_what_it_says_is_left() -> None:
    with dripping(b"x") as (port, left):
        began = time.monotonic()
        send_syslog(Syslog("127.0.0.1", port, "tcp"), [b"<83>1 - - - - - -"])
        assert time.monotonic() - began >= connections.TRY_S, "it had the time of a try"
        assert left.wait(30), "the connection stayed open"


def test_a_try_is_over_before_another_server_may_begin_one() -> None:
    assert 2 * timedelta(seconds=connections.TRY_S) < CLAIM
