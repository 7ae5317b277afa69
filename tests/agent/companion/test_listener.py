"""The daemon's socket: who is let in, whose word counts for whom, and what hostile ones get."""

import json
import os
import socket
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from passmuster_agent.companion import links, listener
from passmuster_agent.companion.channel import ChannelClosedError
from passmuster_agent.companion.listener import Companions
from passmuster_agent.companion.messages import (
    FROM_DAEMON,
    MAX_BYTES,
    VERSION,
    Ask,
    Changed,
    Goodbye,
    Notice,
    Said,
    Silenced,
    Welcome,
    from_bytes,
    to_bytes,
)
from passmuster_agent.companion.packets import (
    SYSTEM_SOCKET,
    PacketChannel,
    PacketDoor,
    companion_sockets,
    daemon_socket,
)
from passmuster_collectors.contract.reading import SourceOutcome
from passmuster_collectors.contract.verdict import Answer, Outcome, Remedy, SignalVerdict, Verdict
from passmuster_collectors.host.base import (
    SourceConflictError,
    SourceError,
    SourceMissingError,
    SourceTimeoutError,
)
from passmuster_collectors.host.events import COMPANION_SPOKE
from tests.support.tools import SYSTEM_PYTHON, missing

ME = os.geteuid()
OTHER = 61_184
"""A number without an account (systemd's range for dynamic users)."""

PATIENCE_S = 20.0
WORD: dict[str, Any] = {"sessions": []}
FAILED = Answer(
    version=1,
    verdict=Verdict.NON_COMPLIANT,
    judged_at=datetime.now(UTC),
    policy_version=1,
    signals=(
        SignalVerdict("disk_encryption", "Disk encryption", Outcome.PASS, (), ()),
        SignalVerdict("wifi_security", "Wi-Fi", Outcome.UNKNOWN, ("Unclear.",), ()),
        SignalVerdict(
            "screen_lock", "Screen lock", Outcome.FAIL, ("It never locks.",), (Remedy(("Lock.",)),)
        ),
    ),
    grace_until=None,
    nonce="nonce",
    report_within_s=900,
)


class Talker:
    """A companion whose words the test chooses."""

    everybody: ClassVar[list["Talker"]] = []

    def __init__(self, path: Path) -> None:
        self.channel = PacketChannel.connect(path)
        self.everybody.append(self)

    def say(self, message: Any) -> None:
        self.channel.send(to_bytes(message))

    def hear(self) -> Any:
        """Return the daemon's next message; fails after a while without one."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            data = self.channel.receive()
            if data is not None:
                return from_bytes(data, FROM_DAEMON)
            time.sleep(0.01)
        pytest.fail("the daemon said nothing")

    def hears_nothing(self) -> bool:
        return self.channel.receive() is None

    def answers(self, testimony: Any = WORD, *, number: int = 0, raw: bytes = b"") -> None:
        """Answer the next question in a thread of its own, as another process would."""

        def answer() -> None:
            asked = self.hear()
            assert isinstance(asked, Ask)
            said = raw or to_bytes(Said(number or asked.number, testimony))
            self.channel.send(said)

        threading.Thread(target=answer, daemon=True).start()


@pytest.fixture(autouse=True)
def everybody_leaves() -> Iterator[None]:
    yield
    while Talker.everybody:
        Talker.everybody.pop().channel.close()


@pytest.fixture
def path(folder: Path, companions: Companions) -> Path:
    assert companions.descriptors(), "it listens"
    return folder / "run" / "companion.sock"


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def spoke(companions: Companions) -> bool:
    return COMPANION_SPOKE in companions.read().triggers


def let_in(companions: Companions, path: Path) -> Talker:
    talker = Talker(path)
    wait_for(lambda: spoke(companions))
    assert talker.hear() == Welcome(VERSION)
    return talker


def refusal_of(companions: Companions, signal: str = "screen_lock") -> SourceError:
    with pytest.raises(SourceError) as refused:
        companions.testimony(ME, signal)
    return refused.value


class TestOneThatBehaves:
    def test_is_a_reason_to_read_when_it_comes_changes_and_goes(
        self, companions: Companions, path: Path
    ) -> None:
        assert not spoke(companions)
        talker = let_in(companions, path)
        assert not spoke(companions)
        talker.say(Changed())
        assert spoke(companions)
        talker.channel.close()
        assert spoke(companions)
        assert not spoke(companions)

    def test_is_asked_when_its_word_is_needed(self, companions: Companions, path: Path) -> None:
        talker = let_in(companions, path)
        talker.answers(WORD)
        assert companions.testimony(ME, "screen_lock") == WORD

    def test_may_say_that_something_changed_before_it_answers(
        self, companions: Companions, path: Path
    ) -> None:
        talker = let_in(companions, path)
        talker.say(Changed())
        talker.answers(WORD)
        assert companions.testimony(ME, "screen_lock") == WORD
        assert spoke(companions), "which is not forgotten"

    @pytest.mark.parametrize("outcome", [SourceOutcome.DENIED, SourceOutcome.TIMEOUT])
    def test_says_why_it_can_tell_nothing(
        self, companions: Companions, path: Path, outcome: SourceOutcome
    ) -> None:
        talker = let_in(companions, path)
        talker.answers(raw=to_bytes(Said(1, None, outcome)))
        assert refusal_of(companions).outcome is outcome

    def test_that_ended_tells_nothing_any_more(self, companions: Companions, path: Path) -> None:
        talker = let_in(companions, path)
        talker.channel.close()
        assert isinstance(refusal_of(companions), SourceMissingError)

    def test_is_one_for_each_user_and_the_second_is_sent_away(
        self, companions: Companions, path: Path
    ) -> None:
        first = let_in(companions, path)
        second = Talker(path)
        assert not spoke(companions)
        goodbye = second.hear()
        assert isinstance(goodbye, Goodbye)
        assert goodbye.for_good
        first.answers(WORD)
        assert companions.testimony(ME, "screen_lock") == WORD

    def test_without_one_there_is_nothing_to_ask(self, companions: Companions) -> None:
        assert isinstance(refusal_of(companions), SourceMissingError)


class TestOneThatDoesNot:
    @pytest.fixture
    def impatient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(links, "ANSWER_WITHIN_S", 0.2)

    @pytest.mark.usefixtures("impatient")
    def test_is_let_go_when_it_stays_silent(self, companions: Companions, path: Path) -> None:
        let_in(companions, path)
        assert isinstance(refusal_of(companions), SourceTimeoutError)
        assert isinstance(refusal_of(companions), SourceMissingError), "it is waited for once"
        assert spoke(companions)
        assert isinstance(self.comes_again(companions, path), Goodbye)

    @pytest.mark.parametrize(
        "garbage",
        [
            b"x",
            b"[]",
            b'{"kind":"said"}',
            b'{"kind":"ask","number":1,"signal":"screen_lock"}',
            b'{"kind":"said","number":1,"testimony":[],"refusal":null}',
            b'{"kind":"said","number":1,"testimony":{},"refusal":null,"more":1}',
            b'{"kind":"changed","kind":"changed"}',
            b'{"kind":"said","number":1,"testimony":' + b'{"a":' * 20 + b"1" + b"}" * 21,
            to_bytes(Said(7, {})),
            b"x" * (MAX_BYTES + 1),
        ],
        ids=lambda data: data[:40].decode(),
    )
    def test_answers_with_garbage_and_is_let_go(
        self, companions: Companions, path: Path, garbage: bytes
    ) -> None:
        talker = let_in(companions, path)
        talker.answers(raw=garbage)
        assert isinstance(refusal_of(companions), SourceConflictError)
        assert isinstance(refusal_of(companions), SourceMissingError)
        assert spoke(companions)
        assert isinstance(self.comes_again(companions, path), Goodbye)

    def test_answers_unasked_and_is_let_go(self, companions: Companions, path: Path) -> None:
        talker = let_in(companions, path)
        talker.say(Said(1, {"sessions": []}))
        assert spoke(companions)
        assert isinstance(refusal_of(companions), SourceMissingError)

    def test_talks_without_end(self, companions: Companions, path: Path) -> None:
        talker = let_in(companions, path)

        def talk() -> None:
            for _ in range(links.MOST_MESSAGES * 2):
                talker.say(Changed())
                companions.read()

        with pytest.raises(ChannelClosedError):
            talk()
        assert isinstance(refusal_of(companions), SourceMissingError)

    def test_fills_its_socket_and_the_daemon_goes_on(
        self, companions: Companions, path: Path
    ) -> None:
        talker = let_in(companions, path)

        def fill() -> None:
            while True:
                talker.channel.send(b" " * MAX_BYTES)

        with pytest.raises(ChannelClosedError):
            fill()
        assert spoke(companions)
        assert isinstance(refusal_of(companions), SourceMissingError)

    def test_comes_and_goes_without_end(self, companions: Companions, path: Path) -> None:
        for _ in range(listener.MOST_COMINGS):
            let_in(companions, path).channel.close()
            companions.read()
        assert isinstance(self.comes_again(companions, path), Goodbye)

    def comes_again(self, companions: Companions, path: Path) -> Any:
        talker = Talker(path)
        companions.read()
        return talker.hear()


SCRIPT = """
import json, socket, sys
path, count = sys.argv[1], int(sys.argv[2])
connected = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
connected.connect(path)
print("connected", flush=True)
for _ in range(count + 1):
    message = json.loads(connected.recv(65536))
    print(message["kind"], flush=True)
    if message["kind"] != "ask":
        continue
    said = {"kind": "said", "number": message["number"], "refusal": None,
            "testimony": {"sessions": [{"session": "everybody's"}]}}
    connected.send(json.dumps(said).encode())
"""


@contextmanager
def another_user(path: Path, *, messages: int = 1) -> Iterator["subprocess.Popen[str]"]:
    if ME != 0:
        missing("root, who alone can be several users")
    command = [str(SYSTEM_PYTHON), "-c", SCRIPT, str(path), str(messages)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, user=OTHER, group=OTHER, extra_groups=[]
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "connected\n"
        try:
            yield process
        finally:
            process.kill()


def words(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


class TestAnotherUser:
    def test_speaks_for_nobody_else(self, companions: Companions, path: Path, folder: Path) -> None:
        (folder / "users" / str(OTHER)).touch()
        with another_user(path):
            wait_for(lambda: spoke(companions))
            assert isinstance(refusal_of(companions), SourceMissingError)
            assert companions.testimony(OTHER, "screen_lock") == {
                "sessions": [{"session": "everybody's"}]
            }

    def test_does_not_take_anybodys_place(
        self, companions: Companions, path: Path, folder: Path
    ) -> None:
        (folder / "users" / str(OTHER)).touch()
        with another_user(path):
            wait_for(lambda: spoke(companions))
            let_in(companions, path).answers(WORD)
            assert companions.testimony(ME, "screen_lock") == WORD

    def test_is_sent_away_when_nobody_of_that_number_is_logged_in(
        self, companions: Companions, path: Path
    ) -> None:
        with another_user(path) as process:
            companions.read()
            assert words(process) == "goodbye"

    def test_is_told_the_verdict_only_where_it_has_a_session(
        self, companions: Companions, path: Path, folder: Path
    ) -> None:
        (folder / "users" / str(OTHER)).touch()
        with another_user(path, messages=2) as process:
            wait_for(lambda: spoke(companions))
            companions.answered(FAILED)
            companions.read()
            # A reader asks it: logind has a session of that user.
            companions.testimony(OTHER, "screen_lock")
            companions.read()
            assert [words(process) for _ in range(3)] == ["welcome", "ask", "notice"]


class TestTelling:
    def test_tells_what_is_wrong_the_failures_first(
        self, companions: Companions, path: Path
    ) -> None:
        talker = let_in(companions, path)
        companions.answered(FAILED)
        notice = talker.hear()
        assert isinstance(notice, Notice)
        assert notice.verdict is Verdict.NON_COMPLIANT
        assert [each.signal for each in notice.wrong] == ["screen_lock", "wifi_security"]
        assert notice.wrong[0].remedies == (Remedy(("Lock.",)),)

    def test_tells_it_once(self, companions: Companions, path: Path) -> None:
        talker = let_in(companions, path)
        companions.answered(FAILED)
        assert isinstance(talker.hear(), Notice)
        companions.answered(FAILED)
        companions.read()
        assert talker.hears_nothing()

    def test_tells_it_to_who_comes_later(self, companions: Companions, path: Path) -> None:
        companions.answered(FAILED)
        assert isinstance(let_in(companions, path).hear(), Notice)

    def test_leaves_words_out_where_they_do_not_fit_into_one_message(
        self, companions: Companions, path: Path
    ) -> None:
        talker = let_in(companions, path)
        long = SignalVerdict(
            "screen_lock",
            "Screen lock",
            Outcome.FAIL,
            ("x" * 512,) * 64,
            (Remedy(("y" * 512,) * 10),) * 64,
        )
        signals = tuple(
            SignalVerdict(f"signal_{number}", long.title, long.outcome, long.reasons, long.remedies)
            for number in range(64)
        )
        companions.answered(
            Answer(1, Verdict.GRACE, datetime.now(UTC), 1, signals, None, "nonce", 900)
        )
        notice = talker.hear()
        assert len(notice.wrong) == 16
        assert notice.wrong[0].reasons


class TestTheSocket:
    def test_is_open_to_everybody_in_a_folder_that_is_not(self, path: Path) -> None:
        assert stat.S_IMODE(path.stat().st_mode) == 0o666
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o755

    def test_goes_with_the_daemon(self, companions: Companions, path: Path) -> None:
        companions.close()
        assert not path.exists()
        assert companions.descriptors() == ()
        assert not companions.read()

    def test_takes_the_place_of_one_that_was_killed(self, folder: Path) -> None:
        dead = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        dead.bind(str(folder / "companion.sock"))
        dead.close()
        again = PacketDoor(folder / "companion.sock", folder)
        PacketChannel.connect(folder / "companion.sock").close()
        again.close()

    def test_does_not_take_the_place_of_one_that_lives(
        self, path: Path, folder: Path, companions: Companions
    ) -> None:
        with pytest.raises(FileExistsError):
            PacketDoor(path, folder)
        assert path.exists()
        assert companions.delivers(COMPANION_SPOKE)

    def test_that_cannot_be_made_leaves_the_daemon_deaf_and_well(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("RUNTIME_DIRECTORY", str(folder / "no" / "such" / "folder"))
        deaf = listener.listen_to_companions()
        assert deaf.descriptors() == ()
        assert not deaf.delivers(COMPANION_SPOKE)
        assert not deaf.read()
        assert isinstance(refusal_of(deaf), SourceMissingError)
        deaf.answered(FAILED)

    def test_lies_where_systemd_says(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("RUNTIME_DIRECTORY", "/run/passmuster-agent:/run/other")
        assert daemon_socket() == SYSTEM_SOCKET
        assert companion_sockets()[0] == SYSTEM_SOCKET

    def test_lies_in_the_users_own_folder_where_the_agent_is_theirs(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
        monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        own = Path("/run/user/1000/passmuster-agent/companion.sock")
        assert daemon_socket() == own
        assert companion_sockets() == (SYSTEM_SOCKET, own)


def test_a_notice_goes_over_the_wire_and_back() -> None:
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=3)
    notice = Notice(Verdict.GRACE, until, ())
    assert from_bytes(to_bytes(notice), FROM_DAEMON) == notice
    assert json.loads(to_bytes(notice))["kind"] == "notice"


def test_that_no_report_will_come_is_told_until_one_is_accepted(
    companions: Companions, path: Path
) -> None:
    first = let_in(companions, path)
    companions.silenced("The TPM refused.", "Enrol again.")
    assert first.hear() == Silenced("The TPM refused.", "Enrol again.")
    companions.answered(FAILED)
    assert isinstance(first.hear(), Notice)
