"""What systemd would hear, on a socket like its own."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from passmuster_agent.config import State
from passmuster_agent.supervisor import Supervisor
from tests.support.running_agent import running_agent


@pytest.fixture
def heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listener


def words(heard: socket.socket) -> list[str]:
    found = []
    while True:
        try:
            found.append(heard.recv(1024).decode())
        except BlockingIOError:
            return found


def test_it_hears_when_the_agent_is_ready_and_when_it_ends(heard: socket.socket) -> None:
    supervisor = Supervisor()
    supervisor.ready()
    supervisor.stopping()
    assert words(heard) == ["READY=1", "STOPPING=1"]


def test_no_child_speaks_for_the_agent(
    heard: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "1000000")
    Supervisor()
    assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} & set(os.environ)
    assert words(heard) == []


def test_the_watchdog_hears_twice_in_its_time(
    heard: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "60000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    supervisor = Supervisor()
    for at in (100.0, 101.0, 129.0, 130.0, 131.0, 500.0, 400.0):
        supervisor.alive(at)
    assert words(heard) == ["WATCHDOG=1"] * 4, "at 100, 130, 500, and after the clock went back"


def test_it_says_when_it_has_to_be_called_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Supervisor().next_at() == float("inf")
    monkeypatch.setenv("WATCHDOG_USEC", "60000000")
    supervisor = Supervisor()
    supervisor.alive(100.0)
    assert supervisor.next_at() == 130.0


@pytest.mark.usefixtures("enrolled")
def test_the_watchdog_of_an_agent_that_has_nothing_to_do_hears_it(
    state: State, heard: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "1000000")
    heard.settimeout(30)
    with running_agent(state.path):
        while heard.recv(1024) != b"READY=1":
            pass
        assert [heard.recv(1024) for _ in range(6)] == [b"WATCHDOG=1"] * 6


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "0"},
    ],
)
def test_a_watchdog_that_is_not_this_processes_hears_nothing(
    heard: socket.socket, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    Supervisor().alive(1.0)
    assert words(heard) == []


def test_an_abstract_address_is_spoken_to_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("")
        listener.settimeout(10)
        address = listener.getsockname()
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + address[1:].decode())
        Supervisor().ready()
        assert listener.recv(64) == b"READY=1"


def test_without_systemd_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    Supervisor().ready()
    monkeypatch.setenv("NOTIFY_SOCKET", "/nonexistent/socket")
    Supervisor().ready()
