"""What people see of the agent without its rights: who may look, and what of the server's word."""

import argparse
import dataclasses
import json
import os
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from passmuster_agent.commands import fix as fix_command
from passmuster_agent.companion import meeting, packets, sight, window
from passmuster_agent.companion.channel import Caller, Channel, Door
from passmuster_agent.companion.messages import MAX_BYTES
from passmuster_agent.companion.packets import PacketChannel, PacketDoor
from passmuster_agent.companion.sight import fitting, look
from passmuster_agent.companion.streams import StreamChannel, StreamDoor
from passmuster_agent.companion.window import MOST_LOOKS, Window
from passmuster_agent.config import Device, State
from passmuster_agent.database import OutboxError
from passmuster_agent.delivery import KEY_UNUSABLE, Delivery, DeliveryKind, Obstacle
from passmuster_agent.errors import AgentError
from passmuster_agent.outbox import Outbox
from passmuster_agent.outbox_overview import Overview
from passmuster_agent.status import Service, allowed_s, status
from passmuster_agent.status_text import render
from passmuster_agent.told import LastTry, Told, as_status, told_of
from passmuster_collectors.contract import codec
from passmuster_collectors.contract.verdict import Answer, Outcome, Remedy, SignalVerdict, Verdict
from tests.support.agent_records import a_record
from tests.support.tools import REPOSITORY, SYSTEM_PYTHON, missing

OTHER, GREETER = 61_184, 120
"""A person without an account (systemd's range for dynamic users), and a display manager's user."""

NOW = datetime.now(UTC)
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
def overview(state: State, enrolled: Device) -> Overview:
    """What the outbox says a moment after the server has taken everything."""
    with Outbox(state.outbox(enrolled)) as outbox:
        return dataclasses.replace(
            outbox.overview(),
            answer=ANSWER,
            answered_at=datetime.now(UTC),
            report_within_s=ANSWER.report_within_s,
            reported=True,
            delivery=Delivery(DeliveryKind.ACCEPTED, datetime.now(UTC), 1),
        )


@pytest.fixture
def told(overview: Overview) -> Told:
    return told_of(overview)


@pytest.fixture
def path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (folder / "users").mkdir()
    path = folder / "run" / "status.sock"
    monkeypatch.setattr(packets, "SYSTEM_SOCKET", path.with_name("companion.sock"))
    return path


@contextmanager
def open_at(path: Path, told: Told | Exception, door: Door | None = None) -> Iterator[Window]:
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
    def test_a_person_who_is_logged_in(self, path: Path, told: Told) -> None:
        (path.parent.parent / "users" / str(OTHER)).touch()
        with open_at(path, told):
            seen = json.loads(seen_by(path, OTHER))
        assert codec.decode(Told, seen["told"]) == told

    @pytest.mark.parametrize(("user", "logged_in"), [(OTHER, False), (GREETER, True)])
    def test_nobody_who_is_not_or_is_no_person(
        self, path: Path, told: Told, user: int, logged_in: bool
    ) -> None:
        if logged_in:
            (path.parent.parent / "users" / str(user)).touch()
        with open_at(path, told):
            seen = json.loads(seen_by(path, user))
        assert list(seen) == ["goodbye"]

    def test_nobody_without_end(self, path: Path, told: Told) -> None:
        with open_at(path, told):
            for _ in range(MOST_LOOKS):
                assert look() == as_status(told)
            with pytest.raises(AgentError, match="look too often"):
                look()


class _Come:
    """A door at which one caller stands."""

    def __init__(self, channel: Channel, caller: Caller) -> None:
        self._come: list[tuple[Channel, Caller]] = [(channel, caller)]

    def fileno(self) -> int:
        return -1

    def accept(self) -> tuple[Channel, Caller] | None:
        return self._come.pop() if self._come else None

    def close(self) -> None:
        self._come.clear()


@pytest.mark.parametrize(
    ("caller", "may"),
    [
        (Caller(0, is_logged_in=False, is_own=False, is_root=True), True),
        (Caller(0, is_logged_in=False, is_own=False), False),
        (Caller(2, is_logged_in=True, is_own=False, in_session=True), True),
        (Caller(2, is_logged_in=False, is_own=False), False),
    ],
    ids=["root", "a service in Windows' session 0", "a person's session", "another's session"],
)
def test_the_number_0_alone_makes_nobody_root(caller: Caller, may: bool, told: Told) -> None:
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with far:
        Window(_Come(PacketChannel(near), caller), lambda: fitting(told)).read()
        assert list(json.loads(far.recv(MAX_BYTES))) == (["told"] if may else ["goodbye"])


class TestWhatIsSeen:
    def test_is_the_servers_word_and_nothing_that_was_read(
        self, path: Path, state: State, told: Told
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
        self, path: Path, state: State, told: Told
    ) -> None:
        nobody = State(state.path / "none")
        assert allowed_s(nobody, "screen_lock", look) is None
        with open_at(path, told):
            assert allowed_s(nobody, "screen_lock", look) == 240
            assert allowed_s(nobody, "usb_devices", look) is None
            assert allowed_s(nobody, "no_such_signal", look) is None

    def test_holds_no_secret_and_not_whose_laptop_it_is(self, told: Told, enrolled: Device) -> None:
        message = fitting(told).decode()
        for secret in (enrolled.hash_key, ANSWER.nonce):
            assert secret not in message
        for who in (enrolled.owner, enrolled.device, enrolled.fingerprint, enrolled.server_url):
            assert who not in message

    def test_holds_no_reading_and_nothing_that_was_refused_and_no_error_in_its_words(
        self, overview: Overview
    ) -> None:
        trouble = dataclasses.replace(
            overview,
            latest=a_record("read"),
            set_aside=("records[0].readings[2].facts: a secret of the reading's",),
            delivery=Delivery(
                DeliveryKind.LATER,
                datetime.now(UTC),
                obstacle=Obstacle.LAPTOP,
                code="a code",
                problem="/var/lib/passmuster-agent/a/path cannot be read.",
                remedy="Mend it.",
            ),
        )
        message = fitting(told_of(trouble))
        assert set(json.loads(message)["told"]) == {
            *("version", "verdict", "current", "judged_at", "grace_until", "signals"),
            *("waiting", "last_try"),
        }
        for word in ("secret of", "/var/lib", "Mend it", "a code", "facts"):
            assert word not in message.decode()

    def test_is_what_the_documentation_tells_people_field_by_field(self) -> None:
        page = (REPOSITORY / "docs" / "privacy.md").read_text("utf-8")
        section = page.partition("## What people at the laptop are told\n")[2].partition("\n## ")[0]
        rows = [line for line in section.splitlines() if line.startswith("| `")]
        first = [name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])]
        named = set(re.findall(r"`(\w+)`", "\n".join(rows)))
        assert sorted(first) == sorted(each.name for each in dataclasses.fields(Told))
        tried = {each.name for each in dataclasses.fields(LastTry)}
        assert named - set(first) == {*(tried - {"at"}), "within_s"}
        assert {each.name for each in dataclasses.fields(SignalVerdict)} == {
            *("signal", "title", "outcome", "reasons", "remedies", "within_s")
        }

    def test_what_passed_is_unknown_once_the_answer_is_not_about_now(
        self, overview: Overview
    ) -> None:
        old = dataclasses.replace(overview, answered_at=datetime.now(UTC) - timedelta(seconds=901))
        newer = dataclasses.replace(overview, reported=False, waiting=1)
        for outdated in (old, newer):
            shown = as_status(told_of(outdated))
            assert not shown.current
            usb, lock = shown.signals
            assert usb.outcome is Outcome.UNKNOWN, "an old pass is no pass"
            assert "not judged yet" in usb.reasons[0]
            assert (lock.outcome, lock.reasons) == (Outcome.FAIL, ("It never locks.",))
            assert "✓" not in render(shown, colour=False)

    @pytest.mark.parametrize(
        ("last", "said"),
        [
            (Delivery(DeliveryKind.LATER, NOW, obstacle=Obstacle.NETWORK), "not be reached"),
            (Delivery(DeliveryKind.LATER, NOW, obstacle=Obstacle.SERVER), "did not take"),
            (Delivery(DeliveryKind.LATER, NOW, obstacle=Obstacle.LAPTOP), "was in the way"),
            (Delivery(DeliveryKind.STOPPED, NOW, obstacle=Obstacle.SERVER), "no more reports"),
            (
                Delivery(DeliveryKind.LATER, NOW, obstacle=Obstacle.LAPTOP, code=KEY_UNUSABLE),
                "key can't sign",
            ),
        ],
    )
    def test_says_in_a_few_words_why_reports_do_not_get_through(
        self, overview: Overview, last: Delivery, said: str
    ) -> None:
        shown = as_status(told_of(dataclasses.replace(overview, delivery=last)))
        assert said in render(shown, colour=False)

    def test_fits_into_one_message_however_much_there_is_to_say(self, told: Told) -> None:
        wordy = dataclasses.replace(
            told.signals[0],
            reasons=tuple(f"{n} " + "x" * 500 for n in range(64)),
            remedies=(Remedy(tuple("y" * 500 for _ in range(10))),) * 64,
        )
        message = fitting(dataclasses.replace(told, signals=(wordy,) * 20))
        assert len(message) <= MAX_BYTES
        found = codec.decode(Told, json.loads(message)["told"])
        assert [(len(each.reasons), len(each.remedies)) for each in found.signals] == [(1, 0)] * 20

    def test_before_the_first_answer_there_is_no_verdict(
        self, path: Path, state: State, enrolled: Device
    ) -> None:
        with Outbox(state.outbox(enrolled)) as outbox:
            early = told_of(outbox.overview())
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
            (b'{"told": {"version": 1}}', "another version"),
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

    def test_fix_says_so_in_the_language_of_the_session(
        self,
        path: Path,
        told: Told,
        state: State,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.delenv("LANGUAGE", raising=False)
        monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
        # A signal that is put right by hand alone: nothing of this machine is changed.
        asked = argparse.Namespace(signal="firewall", within=None, yes=False)
        monkeypatch.setattr(window, "MOST_LOOKS", 0)
        with open_at(path, told):
            fix_command.fix(State(state.path / "none"), asked)
        assert capsys.readouterr().out.splitlines()[0] == (
            "Was Ihre Organisation erlaubt, ist jetzt nicht bekannt. Der Agent dieses Laptops sagt "
            "nicht, was der Server gesagt hat (Sie sehen zu oft nach; versuchen Sie es in einer "
            "Minute wieder)."
        )


def test_a_mac_tells_a_person_at_it_whose_number_is_below_that_of_linux(
    folder: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "run" / "status.sock"
    door = StreamDoor(path, lambda _: 501, lambda user: user == 501)
    monkeypatch.setattr(meeting, "windows", lambda: (partial(StreamChannel.connect, path),))
    with open_at(path, told, door):
        found = look()
    assert found is not None
    assert (found.enrolled, found.verdict) == (True, told.verdict)
