"""Daemon and companion over a stream, as on macOS: real sockets, with Linux's word for the peer."""

import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from passmuster_agent.companion import streams
from passmuster_agent.companion.channel import Caller, ChannelClosedError, TooLongError, readable
from passmuster_agent.companion.listener import Companions
from passmuster_agent.companion.messages import MAX_BYTES
from passmuster_agent.companion.notifier import Notifier
from passmuster_agent.companion.process import Companion
from passmuster_agent.companion.streams import LENGTH, StreamChannel, StreamDoor
from passmuster_collectors.host.events import Watches
from passmuster_collectors.signals import CATALOG
from tests.support.recorded_host import RecordedHost

ME = os.geteuid()
PATIENCE_S = 20.0


def linux_peer(connected: socket.socket) -> int:
    said = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int(struct.unpack("iII", said)[1])


@pytest.fixture
def ends() -> Iterator[tuple[StreamChannel, socket.socket]]:
    """A channel, and a bare socket at its other end."""
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    channel = StreamChannel(one)
    yield channel, other
    channel.close()
    other.close()


@pytest.fixture
def door(folder: Path) -> Iterator[StreamDoor]:
    opened = StreamDoor(folder / "run" / "companion.sock", linux_peer, lambda _: False)
    yield opened
    opened.close()


Ends = tuple[StreamChannel, socket.socket]


class TestAMessage:
    def test_arrives_as_a_whole_however_it_is_cut(self, ends: Ends) -> None:
        channel, other = ends
        for each in LENGTH.pack(3) + b"abc":
            assert channel.receive() is None
            other.send(bytes([each]))
        assert channel.receive() == b"abc"
        assert channel.receive() is None

    def test_arrives_beside_another_one_that_stays_to_be_waited_for(self, ends: Ends) -> None:
        channel, other = ends
        other.send(LENGTH.pack(1) + b"a" + LENGTH.pack(1) + b"b")
        assert channel.receive() == b"a"
        assert readable([channel.fileno()], 0.0), "whoever waits for it is woken"
        assert channel.receive() == b"b"
        assert not readable([channel.fileno()], 0.0)

    def test_may_have_the_greatest_length(self, ends: Ends) -> None:
        channel, other = ends
        receiver = StreamChannel(other.dup())
        channel.send(b"x" * MAX_BYTES)
        assert receiver.receive() == b"x" * MAX_BYTES
        receiver.close()

    @pytest.mark.parametrize("length", [MAX_BYTES + 1, 2**32 - 1])
    def test_that_is_longer_is_not_waited_for(self, ends: Ends, length: int) -> None:
        channel, other = ends
        other.send(LENGTH.pack(length))
        with pytest.raises(TooLongError):
            channel.receive()

    @pytest.mark.parametrize("begun", [b"", b"\0", LENGTH.pack(2) + b"a"])
    def test_is_none_where_the_other_end_has_gone(self, ends: Ends, begun: bytes) -> None:
        channel, other = ends
        other.send(begun)
        other.close()
        with pytest.raises(ChannelClosedError):
            channel.receive()

    def test_that_nobody_reads_is_not_waited_for(self, ends: Ends) -> None:
        channel, _ = ends

        def fill() -> None:
            while True:
                channel.send(b"x" * MAX_BYTES)

        with pytest.raises(ChannelClosedError):
            fill()

    def test_to_one_that_has_gone_is_told(self, ends: Ends) -> None:
        channel, other = ends
        other.close()
        with pytest.raises(ChannelClosedError):
            channel.send(b"x")


class TestTheDoor:
    def test_tells_whose_companion_comes(self, door: StreamDoor, folder: Path) -> None:
        assert door.accept() is None
        channel = StreamChannel.connect(folder / "run" / "companion.sock")
        assert readable([door.fileno()], PATIENCE_S)
        come = door.accept()
        assert come is not None
        assert come[1] == Caller(ME, is_logged_in=False, is_own=True, is_root=ME == 0)
        come[0].close()
        channel.close()

    def test_tells_people_who_are_logged_in_from_others(self, folder: Path) -> None:
        path = folder / "run" / "companion.sock"
        door = StreamDoor(path, lambda _: 501, lambda user: user == 501)
        channel = StreamChannel.connect(path)
        assert readable([door.fileno()], PATIENCE_S)
        come = door.accept()
        assert come is not None
        assert come[1] == Caller(501, is_logged_in=True, is_own=False, in_session=True)
        for each in (come[0], channel, door):
            each.close()

    def test_lets_nobody_in_whose_user_is_not_told(self, folder: Path) -> None:
        def untold(_: socket.socket) -> int:
            raise OSError(0, "not told")

        door = StreamDoor(folder / "run" / "companion.sock", untold, lambda _: True)
        channel = StreamChannel.connect(folder / "run" / "companion.sock")
        assert readable([door.fileno()], PATIENCE_S)
        assert door.accept() is None
        with pytest.raises(ChannelClosedError):
            channel.receive()
        channel.close()
        door.close()

    def test_is_in_a_folder_that_others_can_enter_whatever_the_umask(self, folder: Path) -> None:
        before = os.umask(0o077)
        try:
            door = StreamDoor(folder / "made" / "companion.sock", linux_peer, lambda _: True)
        finally:
            os.umask(before)
        assert (folder / "made").stat().st_mode & 0o777 == 0o755
        door.close()

    def test_lies_where_only_root_can_make_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        assert streams.daemon_socket() == Path("/var/run/passmuster-agent/companion.sock")
        assert streams.companion_sockets()[0] == streams.daemon_socket()
        monkeypatch.setattr(os, "geteuid", lambda: 501)
        assert streams.daemon_socket() == streams.companion_sockets()[1]


class TestTheKernelsWord:
    """`struct xucred` of sys/ucred.h: two numbers, a short one, and sixteen groups."""

    class Said:
        def __init__(self, said: bytes) -> None:
            self.said = said

        def getsockopt(self, level: int, option: int, size: int) -> bytes:
            assert (level, option, size) == (0, 1, 76)
            return self.said

    def peer(self, said: bytes) -> int:
        return streams.peer_of(self.Said(said))  # type: ignore[arg-type] # a socket of macOS

    def test_names_the_user(self) -> None:
        said = struct.pack("=II", 0, 501) + struct.pack("=hxx", 1) + struct.pack("=16I", *[20] * 16)
        assert self.peer(said) == 501

    @pytest.mark.parametrize("said", [b"", b"\0" * 75, struct.pack("=II", 1, 501) + b"\0" * 68])
    def test_that_is_cut_or_of_another_form_is_no_word(self, said: bytes) -> None:
        with pytest.raises(OSError, match="peer"):
            self.peer(said)


MAC = {
    "platform": "macos",
    "uid": ME,
    "programs": {
        f"{ME}:DEFAULTS -currentHost read com.apple.screensaver idleTime": {"stdout": "300\n"},
        f"{ME}:SYSADMINCTL -screenLock status": {"stderr": "screenLock delay is 5 seconds\n"},
    },
}


def test_a_companion_tells_the_two_settings_that_only_its_session_knows(
    door: StreamDoor, folder: Path
) -> None:
    companions = Companions(door)
    connect = partial(StreamChannel.connect, folder / "run" / "companion.sock")
    notifier = Notifier(lambda _: None)
    interrupted, interrupt = socket.socketpair()
    companion = Companion(RecordedHost(MAC), CATALOG, Watches(), notifier, [connect])
    running = threading.Thread(target=companion.run, args=(interrupted,))
    running.start()
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not companions.read():
            assert time.monotonic() < deadline, "it never came"
            readable(companions.descriptors(), 1.0)
        assert companions.testimony(ME, "screen_lock") == {"idle_s": 300, "grace_s": 5}
    finally:
        interrupt.send(b"\0")
        running.join(PATIENCE_S)
        companions.close()
        interrupt.close()
        interrupted.close()
    assert not running.is_alive()
