"""Daemon and companion over a named pipe of Windows, simulated."""

import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

import pytest

from passmuster_agent.companion import pipes
from passmuster_agent.companion.channel import Caller, ChannelClosedError, TooLongError, readable
from passmuster_agent.companion.listener import Companions
from passmuster_agent.companion.messages import MAX_BYTES
from passmuster_agent.companion.notifier import Notifier
from passmuster_agent.companion.pipes import NAME, PipeChannel, PipeDoor, caller_of, place
from passmuster_agent.companion.process import Companion
from passmuster_agent.windows import account, pipe
from passmuster_agent.windows.account import ADMINISTRATORS, SYSTEM
from passmuster_agent.windows.pipe import Client, Pipe
from passmuster_collectors.contract.verdict import Answer, Verdict
from passmuster_collectors.host.events import Watches
from passmuster_collectors.host.windows_answers import UserSession
from passmuster_collectors.signals import CATALOG
from tests.support.recorded_host import RecordedHost
from tests.support.windows_pipes import SimulatedPipes

ANA = "S-1-5-21-1004336348-1177238915-682003330-1001"
BEN = "S-1-5-21-1004336348-1177238915-682003330-1002"
OWNERS = frozenset({SYSTEM, ADMINISTRATORS})
BLOCKED = Answer(1, Verdict.NON_COMPLIANT, datetime.now(UTC), 1, (), None, "nonce", 900)
PATIENCE_S = 20.0


def session(number: int, sid: str) -> UserSession:
    return UserSession(number, 0, 0, 1, sid, 0, 0)


HERE = [session(2, ANA), session(3, BEN)]


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> SimulatedPipes:
    found = SimulatedPipes(ANA, 2)
    monkeypatch.setattr(pipe, "last_error", found.last_error)
    monkeypatch.setattr("passmuster_collectors.host.dll.last_error", found.last_error)
    return found


@pytest.fixture
def door(simulated: SimulatedPipes) -> Iterator[PipeDoor]:
    name, access_list = place(SYSTEM, elevated=True)
    opened = PipeDoor(
        simulated.functions(), name, access_list, lambda found: caller_of(found, SYSTEM, HERE)
    )
    yield opened
    opened.close()
    assert simulated.open == 0, "every handle is closed"


def come(simulated: SimulatedPipes) -> PipeChannel:
    """Connect as soon as an instance is free, as a companion does."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return PipeChannel.connect(simulated.functions(), NAME, OWNERS)
        except OSError:
            assert time.monotonic() < deadline, "the door never opened"
            time.sleep(0.01)


def let_in(door: PipeDoor) -> tuple[PipeChannel, Caller]:
    assert readable([door.fileno()], PATIENCE_S), "nobody came"
    come = door.accept()
    assert come is not None
    return come


def next_of(channel: PipeChannel) -> bytes | None:
    assert readable([channel.fileno()], PATIENCE_S), "nothing came"
    return channel.receive()


Ends = tuple[PipeChannel, PipeChannel]


@pytest.fixture
def ends(simulated: SimulatedPipes, door: PipeDoor) -> Iterator[Ends]:
    """The daemon's channel and the companion's."""
    companion = come(simulated)
    daemon, _ = let_in(door)
    yield daemon, companion
    daemon.close()
    companion.close()


class TestAMessage:
    def test_arrives_as_a_whole_and_in_order(self, ends: Ends) -> None:
        daemon, companion = ends
        daemon.send(b"welcome")
        companion.send(b"a")
        companion.send(b"b" * MAX_BYTES)
        assert next_of(companion) == b"welcome"
        assert [next_of(daemon), next_of(daemon)] == [b"a", b"b" * MAX_BYTES]
        assert daemon.receive() is None
        assert not readable([daemon.fileno()], 0.0)

    def test_that_is_too_long_is_told_as_such(self, ends: Ends) -> None:
        daemon, companion = ends
        companion.send(b"x" * (MAX_BYTES + 1))
        with pytest.raises(TooLongError):
            next_of(daemon)

    def test_that_nobody_takes_is_given_up(self, ends: Ends) -> None:
        daemon, _ = ends

        def fill() -> None:
            while True:
                daemon.send(b"x" * MAX_BYTES)

        with pytest.raises(ChannelClosedError):
            fill()

    def test_the_end_is_told_after_what_was_said_before_it(self, ends: Ends) -> None:
        daemon, companion = ends
        companion.send(b"last words")
        companion.close()
        assert next_of(daemon) == b"last words"
        with pytest.raises(ChannelClosedError):
            next_of(daemon)
        with pytest.raises(ChannelClosedError):
            daemon.send(b"x")

    def test_a_pipe_holds_what_a_message_may_have(self) -> None:
        assert pipe.MAX_BYTES == MAX_BYTES


class TestTheDoor:
    def test_tells_whose_companion_comes(self, simulated: SimulatedPipes, door: PipeDoor) -> None:
        assert door.accept() is None
        companion = come(simulated)
        daemon, caller = let_in(door)
        assert caller == Caller(2, is_logged_in=True, is_own=False, in_session=True)
        daemon.close()
        companion.close()

    def test_is_there_once(self, simulated: SimulatedPipes, door: PipeDoor) -> None:
        assert door.fileno() >= 0
        with pytest.raises(OSError, match="CreateNamedPipeW"):
            PipeDoor(simulated.functions(), NAME, "D:P", lambda found: caller_of(found, ANA, ()))

    def test_lets_nobody_in_who_does_not_greet(
        self, simulated: SimulatedPipes, door: PipeDoor
    ) -> None:
        rude = self.opened(simulated)
        rude.write(b"open up", 1000)
        with pytest.raises(pipe.PipeEndedError):
            rude.read(int(PATIENCE_S * 1000))
        rude.close()
        assert door.accept() is None

    def test_does_not_wait_for_one_that_stays_silent(
        self, simulated: SimulatedPipes, door: PipeDoor
    ) -> None:
        silent = self.opened(simulated)
        companion = come(simulated)
        daemon, _ = let_in(door)
        for each in (silent, daemon, companion):
            each.close()

    def test_lets_nobody_in_whose_token_is_not_shown(
        self, simulated: SimulatedPipes, door: PipeDoor
    ) -> None:
        simulated.refuse_impersonation = True
        companion = come(simulated)
        with pytest.raises(ChannelClosedError):
            next_of(companion)
        companion.close()
        assert door.accept() is None

    def test_closes_on_those_who_are_not_in_yet(
        self, simulated: SimulatedPipes, door: PipeDoor
    ) -> None:
        companion = come(simulated)
        assert readable([door.fileno()], PATIENCE_S)
        door.close()
        with pytest.raises(ChannelClosedError):
            next_of(companion)
        companion.close()

    def opened(self, simulated: SimulatedPipes) -> Pipe:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return Pipe.opened(simulated.functions(), NAME, OWNERS)
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.01)


class TestWho:
    def test_speaks_for_the_session_that_is_its_own(self) -> None:
        assert caller_of(Client(ANA, 2), SYSTEM, HERE) == Caller(2, True, False, True)

    @pytest.mark.parametrize("client", [Client(BEN, 2), Client(ANA, 3), Client(ANA, 4)])
    def test_speaks_for_nobody_elses(self, client: Client) -> None:
        caller = caller_of(client, SYSTEM, HERE)
        assert (caller.is_logged_in, caller.in_session) == (False, False)

    def test_is_the_daemons_own(self) -> None:
        assert caller_of(Client(ANA, 2), ANA, ()).is_own

    def test_is_root_by_its_account_and_never_by_the_session_of_services(self) -> None:
        assert caller_of(Client(SYSTEM, 0), ANA, ()).is_root
        network_service = "S-1-5-20"
        assert not caller_of(Client(network_service, 0), SYSTEM, HERE).is_root
        assert not caller_of(Client(ANA, 0), SYSTEM, HERE).is_root

    def test_may_connect_is_whoever_is_logged_in_and_nobody_else(self) -> None:
        name, access_list = place(SYSTEM, elevated=True)
        assert name == NAME
        assert "(D;;GA;;;NU)" in access_list, "nobody over a network"
        assert access_list.endswith("(A;;0x120183;;;IU)"), "no right to make another instance"
        assert access_list.startswith("O:BAD:P"), "nothing is inherited"
        name, access_list = place(ANA, elevated=False)
        assert name == f"{NAME}-{ANA}"
        assert "IU" not in access_list

    def test_made_the_pipe_is_looked_at_before_anything_is_said(
        self, simulated: SimulatedPipes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        squatter = SimulatedPipes(BEN, 3, owner=BEN)
        monkeypatch.setattr(pipe, "last_error", squatter.last_error)
        made = Pipe.made(squatter.functions(), NAME, "D:P", first=True)
        waiting = threading.Thread(target=made.connect)
        waiting.start()
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                PipeChannel.connect(squatter.functions(), NAME, OWNERS)
            except OSError as error:
                if str(BEN) in str(error.strerror):
                    break
            assert time.monotonic() < deadline
        waiting.join(PATIENCE_S)
        made.close()
        assert simulated.open == 0

    def test_a_companion_looks_for_the_computers_daemon_then_for_its_own(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(account, "own_sid", lambda: ANA)
        first, second = pipes.daemon_pipes(None)
        assert first == (NAME, OWNERS)
        assert second == (f"{NAME}-{ANA}", frozenset({ANA}))
        assert pipes.daemon_pipes(r"\\.\pipe\other") == ((r"\\.\pipe\other", OWNERS | {ANA}),)


def test_a_companion_is_welcomed_asked_and_heard(simulated: SimulatedPipes, door: PipeDoor) -> None:
    companions = Companions(door)
    connect = partial(PipeChannel.connect, simulated.functions(), NAME, OWNERS)
    interrupted, interrupt = socket.socketpair()
    shown: list[object] = []
    notifier = Notifier(shown.append)
    host = RecordedHost({"platform": "windows", "uid": 1, "wireless_connections": []})
    companion = Companion(host, CATALOG, Watches(), notifier, [connect])
    running = threading.Thread(target=companion.run, args=(interrupted,))
    running.start()
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not companions.read():
            assert time.monotonic() < deadline, "it never came"
            readable(companions.descriptors(), 1.0)
        companions.answered(BLOCKED)
        while not shown:
            assert time.monotonic() < deadline, "whoever sits there is told, asked or not"
            time.sleep(0.01)
        assert companions.testimony(2, "wifi_security") == {"stations": []}
    finally:
        interrupt.send(b"\0")
        running.join(PATIENCE_S)
        companions.close()
        interrupt.close()
        interrupted.close()
    assert not running.is_alive()
