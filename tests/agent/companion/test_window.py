"""What people see of the agent without its rights: who may look, and what of the server's word."""

import dataclasses
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from passmuster_agent.companion import meeting, packets, sight
from passmuster_agent.companion.channel import Channel, Door
from passmuster_agent.companion.messages import MAX_BYTES
from passmuster_agent.companion.packets import PacketChannel, PacketDoor
from passmuster_agent.companion.sight import fitting, look
from passmuster_agent.companion.streams import StreamChannel, StreamDoor
from passmuster_agent.companion.window import MOST_LOOKS, Window
from passmuster_agent.config import Device, State
from passmuster_agent.database import OutboxError
from passmuster_agent.errors import AgentError
from passmuster_agent.outbox import Outbox
from passmuster_agent.status import AgentStatus, Service, allowed_s, as_told, status
from passmuster_agent.status_text import render
from passmuster_collectors.contract import codec
from passmuster_collectors.contract.verdict import Answer, Outcome, Remedy, SignalVerdict, Verdict
from tests.support.tools import SYSTEM_PYTHON, missing

OTHER, GREETER = 61_184, 120
"""A person without an account (systemd's range for dynamic users), and a display manager's user."""

ANSWER = Answer(
    version=1,
    verdict=Verdict.GRACE,
    judged_at=datetime.now(UTC),
    policy_version=1,
    signals=(
        SignalVerdict("usb_devices", "USB devices", Outcome.PASS, (), ()),
        SignalVerdict(
            *("screen_lock", "Screen lock", Outcome.FAIL),
            ("It never locks.",),
            (Remedy(("Lock.",)),),
            within_s=240,
        ),
    ),
    # Most of an hour to spare: a long run of tests comes to them late.
    grace_until=datetime.now(UTC) + timedelta(hours=3, minutes=58),
    nonce="a nonce of the server's",
    report_within_s=900,
)


@pytest.fixture
def told(state: State, enrolled: Device) -> AgentStatus:
    with Outbox(state.outbox(enrolled)) as outbox:
        overview = dataclasses.replace(
            outbox.overview(), answer=ANSWER, answered_at=datetime.now(UTC)
        )
    return as_told(enrolled, overview)


@pytest.fixture
def path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (folder / "users").mkdir()
    path = folder / "run" / "status.sock"
    monkeypatch.setattr(packets, "SYSTEM_SOCKET", path.with_name("companion.sock"))
    return path


@contextmanager
def open_at(
    path: Path, told: AgentStatus | Exception, door: Door | None = None
) -> Iterator[Window]:
    """Serve the window as the daemon's loop does, in a thread of its own."""

    def tell() -> bytes:
        if isinstance(told, Exception):
            raise told
        return fitting(told)

    opened = Window(door or PacketDoor(path, path.parent.parent / "users"), tell)
    done = threading.Event()

    def serve() -> None:
        while not done.is_set():
            opened.read()
            done.wait(0.01)

    server = threading.Thread(target=serve)
    server.start()
    try:
        yield opened
    finally:
        done.set()
        server.join()
        opened.close()


SCRIPT = """
import socket, sys
looking = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
looking.settimeout(20)
looking.connect(sys.argv[1])
print(looking.recv(65536).decode())
"""


def seen_by(path: Path, user: int) -> str:
    """Return what a process of another user gets to see."""
    if os.geteuid() != 0:
        missing("root, who alone can be several users")
    return subprocess.run(
        [str(SYSTEM_PYTHON), "-c", SCRIPT, str(path)],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        user=user,
        group=user,
        extra_groups=[],
    ).stdout


class TestWhoMayLook:
    def test_a_person_who_is_logged_in(self, path: Path, told: AgentStatus) -> None:
        (path.parent.parent / "users" / str(OTHER)).touch()
        with open_at(path, told):
            seen = json.loads(seen_by(path, OTHER))
        assert codec.decode(AgentStatus, seen["status"]) == told

    @pytest.mark.parametrize(("user", "logged_in"), [(OTHER, False), (GREETER, True)])
    def test_nobody_who_is_not_or_is_no_person(
        self, path: Path, told: AgentStatus, user: int, logged_in: bool
    ) -> None:
        if logged_in:
            (path.parent.parent / "users" / str(user)).touch()
        with open_at(path, told):
            seen = json.loads(seen_by(path, user))
        assert list(seen) == ["goodbye"]

    def test_nobody_without_end(self, path: Path, told: AgentStatus) -> None:
        with open_at(path, told):
            for _ in range(MOST_LOOKS):
                assert look() == told
            with pytest.raises(AgentError, match="look too often"):
                look()


class TestWhatIsSeen:
    def test_is_the_servers_word_and_nothing_that_was_read(
        self, path: Path, state: State, told: AgentStatus
    ) -> None:
        with open_at(path, told):
            found = status(State(state.path / "none"), look)
        assert found.service is Service.TELLS
        text = render(found, colour=False)
        assert "Verdict: grace, to be fixed by" in text
        assert "(3 hours left)" in text
        assert "✗ Screen lock: fail" in text
        assert "It never locks." in text
        assert "1. Lock." in text
        assert "✓ USB devices: pass" in text
        assert "runs as a service" in text
        assert "not enrolled" not in text

    def test_tells_what_policy_allows_so_that_fix_can_aim_at_it(
        self, path: Path, state: State, told: AgentStatus
    ) -> None:
        nobody = State(state.path / "none")
        assert allowed_s(nobody, "screen_lock", look) is None
        with open_at(path, told):
            assert allowed_s(nobody, "screen_lock", look) == 240
            assert allowed_s(nobody, "usb_devices", look) is None
            assert allowed_s(nobody, "no_such_signal", look) is None

    def test_holds_no_secret(self, told: AgentStatus, enrolled: Device) -> None:
        message = fitting(told).decode()
        assert enrolled.hash_key not in message
        assert ANSWER.nonce not in message

    def test_fits_into_one_message_however_much_there_is_to_say(self, told: AgentStatus) -> None:
        wordy = dataclasses.replace(
            told.signals[0],
            reasons=tuple(f"{n} " + "x" * 500 for n in range(64)),
            remedies=(Remedy(tuple("y" * 500 for _ in range(10))),) * 64,
        )
        message = fitting(dataclasses.replace(told, signals=(wordy,) * 20))
        assert len(message) <= MAX_BYTES
        found = codec.decode(AgentStatus, json.loads(message)["status"])
        assert [(len(each.reasons), len(each.remedies)) for each in found.signals] == [(1, 0)] * 20

    def test_before_the_first_answer_there_is_no_verdict(
        self, path: Path, state: State, enrolled: Device
    ) -> None:
        with Outbox(state.outbox(enrolled)) as outbox:
            early = as_told(enrolled, outbox.overview())
        with open_at(path, early):
            found = look()
        assert found is not None
        assert (found.verdict, found.signals, found.current) == (None, (), False)
        assert "has not judged" in render(found, colour=False)


class TestWithoutAWord:
    def test_where_no_agent_listens_there_is_none(self, path: Path) -> None:
        assert not path.exists()
        assert look() is None

    def test_a_service_that_does_not_run_is_not_called_unenrolled(
        self, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("passmuster_agent.status.SERVICE_STATE", tmp_path)
        found = status(State(tmp_path / "none"), look)
        assert (found.service, found.device) == (Service.SILENT, None)
        text = render(found, colour=False)
        assert "a service that does not run now" in text
        assert "passmuster-agent doctor" in text
        assert not path.exists()

    def test_an_outbox_that_cannot_be_read_is_said(self, path: Path) -> None:
        with (
            open_at(path, OutboxError("The outbox is damaged.", "")),
            pytest.raises(AgentError, match=r"\(The outbox is damaged\.\)"),
        ):
            look()

    @pytest.mark.parametrize(
        ("said", "why"),
        [
            (b"{}", "another version"),
            (b"[]", "another version"),
            (b"no JSON", "another version"),
            (b'{"status": {"version": 2}}', "another version"),
            (b'{"goodbye": {"for_good": false, "reason": "because"}}', "because"),
            (b"x" * (MAX_BYTES + 1), "another version"),
            (b"", "hung up"),
            (None, "no answer"),
        ],
    )
    def test_what_is_none_is_said(
        self, path: Path, said: bytes | None, why: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sight, "ANSWER_WITHIN_S", 0.3)
        door = PacketDoor(path, path.parent.parent / "users")
        connect = partial(PacketChannel.connect, path)
        kept: list[Channel] = []

        def connected() -> PacketChannel:
            channel = connect()
            come = door.accept()
            assert come is not None
            kept.append(come[0])
            if said:
                come[0].send(said)
            if said is not None:
                come[0].close()
            return channel

        monkeypatch.setattr(meeting, "windows", lambda: (connected,))
        with pytest.raises(AgentError, match=why):
            look()
        door.close()
        for each in kept:
            each.close()


def test_a_mac_tells_a_person_at_it_whose_number_is_below_that_of_linux(
    folder: Path, told: AgentStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "run" / "status.sock"
    door = StreamDoor(path, lambda _: 501, lambda user: user == 501)
    monkeypatch.setattr(meeting, "windows", lambda: (partial(StreamChannel.connect, path),))
    with open_at(path, told, door):
        found = look()
    assert found is not None
    assert found.device == told.device
