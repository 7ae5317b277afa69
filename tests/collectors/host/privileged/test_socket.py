"""The root helper as a real process behind a real socket, asked by real other users."""

import contextlib
import json
import os
import pwd
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from passmuster_collectors.host.answers import Completed
from passmuster_collectors.host.base import (
    SourceConflictError,
    SourceDeniedError,
    SourceMissingError,
    SourceTimeoutError,
)
from passmuster_collectors.host.commands import Program
from passmuster_collectors.host.linux import LinuxHost
from passmuster_collectors.host.privileged import client, device_mapper, server, wire
from passmuster_collectors.host.privileged.client import RootHelper
from passmuster_collectors.host.privileged.verbs import Answers, Verb, question
from passmuster_collectors.signals.firewall.linux import nft
from tests.collectors.host.privileged.conftest import ListeningHelper
from tests.support.tools import missing, require_system_python, require_tool

ASK = """
import socket, sys
with socket.socket(socket.AF_UNIX) as connection:
    connection.settimeout(30)
    connection.connect(sys.argv[1])
    try:
        connection.sendall(sys.argv[2].encode() + b"\\n")
        while piece := connection.recv(65536):
            sys.stdout.buffer.write(piece)
    except ConnectionError:
        pass
"""


def ask_as(user: int, path: Path, word: str) -> bytes:
    """Return what the helper answers that user."""
    python = require_system_python()
    return subprocess.run(
        [python, "-I", "-c", ASK, str(path), word],
        user=user,
        group=user,
        extra_groups=[],
        capture_output=True,
        timeout=60,
        check=True,
        cwd="/",
    ).stdout


def ask(path: Path, sent: bytes) -> bytes:
    """Return what the helper answers this process, which is root's."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(30)
        connection.connect(str(path))
        with contextlib.suppress(ConnectionError):
            connection.sendall(sent)
            return connection.recv(65_536)
    return b""


class TestWhoMayAsk:
    def test_root_is_answered(self, listening: ListeningHelper) -> None:
        for verb in set(Verb) - {Verb.FIREWALL}:
            told = RootHelper(str(listening.socket)).answers(verb)
            assert told or verb is Verb.ENVIRONMENTS, f"{verb} has no answers"

    def test_who_sees_no_network_does_not_answer_about_the_firewall(
        self, listening: ListeningHelper
    ) -> None:
        with pytest.raises(SourceConflictError, match="gave no answer"):
            RootHelper(firewall=str(listening.socket)).answers(Verb.FIREWALL)
        assert RootHelper(str(listening.socket)).answers(Verb.PROCESSES), "it goes on"

    @pytest.mark.parametrize("listening", [["--firewall"]], indirect=True)
    def test_who_answers_about_the_firewall_answers_nothing_else(
        self, listening: ListeningHelper
    ) -> None:
        require_tool("nft")
        told = RootHelper(firewall=str(listening.socket)).answers(Verb.FIREWALL)
        status, rules, _ = told[question("run", "NFT", "--json", "list", "ruleset")]
        assert status == 0
        assert nft.parse_ruleset(json.loads(rules)) is not None
        for verb in set(Verb) - {Verb.FIREWALL}:
            with pytest.raises(SourceConflictError, match="gave no answer"):
                RootHelper(str(listening.socket)).answers(verb)

    def test_the_service_user_is_answered(self, listening: ListeningHelper) -> None:
        told = ask_as(pwd.getpwnam("nobody").pw_uid, listening.socket, "processes")
        (processes,) = wire.from_bytes(told).values()
        assert any(pid == 1 and user == 0 for pid, user, _, _ in processes)

    def test_nobody_else_is(self, listening: ListeningHelper) -> None:
        assert ask_as(1234, listening.socket, "processes") == b""
        assert listening.logged("User 1234 may not ask.")

    def test_a_crowd_of_others_does_not_keep_the_service_waiting(
        self, listening: ListeningHelper
    ) -> None:
        crowd = (
            "import socket, sys, time\n"
            "held = [socket.socket(socket.AF_UNIX) for _ in range(100)]\n"
            "for each in held: each.connect(sys.argv[1])\n"
            "print('here', flush=True)\n"
            "time.sleep(60)\n"
        )
        with subprocess.Popen(
            [require_system_python(), "-I", "-c", crowd, str(listening.socket)],
            user=1234,
            group=1234,
            extra_groups=[],
            cwd="/",
            stdout=subprocess.PIPE,
        ) as others:
            try:
                assert others.stdout is not None
                assert others.stdout.readline() == b"here\n"
                assert RootHelper(str(listening.socket)).answers(Verb.PROCESSES)
            finally:
                others.kill()

    def test_nothing_is_read_before_it_is_known_who_asks(self, listening: ListeningHelper) -> None:
        assert ask_as(1234, listening.socket, "x" * 100_000) == b""
        assert not ask(listening.socket, b"crypttab please\n")
        assert "sent what is none" not in listening.log.read_text().partition("User 0")[0]


class TestWhatIsAsked:
    @pytest.mark.parametrize(
        "sent",
        [
            b"\n",
            b"crypttab\n\n",
            b"CRYPTTAB\n",
            b"crypttab /etc/shadow\n",
            b"../crypttab\n",
            b"\x00\xff\xfe\n",
            b"x" * 1_000_000,
            b"crypttab\nwifi\n",
        ],
    )
    def test_what_is_none_of_the_words_is_not_answered(
        self, listening: ListeningHelper, sent: bytes
    ) -> None:
        assert ask(listening.socket, sent) == b""
        assert RootHelper(str(listening.socket)).answers(Verb.CRYPTTAB), "it goes on"
        assert listening.logged("sent what is none of the words")

    def test_who_says_nothing_is_left_alone_after_a_moment(
        self, listening: ListeningHelper
    ) -> None:
        with socket.socket(socket.AF_UNIX) as silent:
            silent.connect(str(listening.socket))
            assert RootHelper(str(listening.socket)).answers(Verb.CRYPTTAB)

    def test_who_does_not_read_the_answer_is_left_alone_after_a_moment(
        self, listening: ListeningHelper
    ) -> None:
        with socket.socket(socket.AF_UNIX) as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            deaf.connect(str(listening.socket))
            deaf.sendall(b"processes\n")
            assert RootHelper(str(listening.socket)).answers(Verb.CRYPTTAB)

    def test_what_it_tells_of_this_machine_is_what_root_sees(
        self, listening: ListeningHelper
    ) -> None:
        told = RootHelper(str(listening.socket)).answers(Verb.DEVICE_MAPPER)
        answer = told[question("run", "DMSETUP", *device_mapper.TABLE)]
        try:
            done = LinuxHost(b"k" * 16).run(Program.DMSETUP, *device_mapper.TABLE)
        except SourceMissingError:
            assert isinstance(answer, SourceMissingError)
        else:
            expected = Completed(done.status, device_mapper.without_keys(done.stdout), b"")
            assert Completed(*answer) == expected


class TestItsLife:
    def test_it_does_not_start_without_systemd(self) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "passmuster_agent.cli", "root-helper"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 1
        assert "passmuster-agent-helper.socket" in done.stderr
        assert "Traceback" not in done.stderr

    def test_it_ends_when_nobody_asks(self) -> None:
        listener = socket.socket(socket.AF_UNIX)
        with listener:
            listener.bind("")
            listener.listen()
            server.serve(listener, frozenset({0}), lambda _: {}, idle_s=0.1)

    def test_an_account_that_does_not_exist_lets_in_root_alone(self) -> None:
        assert server.may_ask("no-such-account") == {0}
        assert server.may_ask("nobody") == {0, pwd.getpwnam("nobody").pw_uid}


Answering = Callable[[socket.socket], None]


@pytest.fixture
def impostor(open_folder: Path) -> Iterator[Callable[[Answering], RootHelper]]:
    """Something else behind the socket; it is this user's, so that its answers are looked at."""
    listener = socket.socket(socket.AF_UNIX)
    path = str(open_folder / "impostor")
    threads: list[threading.Thread] = []

    def behind(answering: Answering) -> RootHelper:
        listener.bind(path)
        listener.listen()

        def accept() -> None:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(64)
                answering(connection)

        threads.append(threading.Thread(target=accept))
        threads[0].start()
        return RootHelper(path, owner=os.geteuid())

    with listener:
        yield behind
        for thread in threads:
            thread.join(30)


class TestTheAgentsEnd:
    def test_a_helper_that_is_not_there_is_missing(self, open_folder: Path) -> None:
        with pytest.raises(SourceMissingError, match="not installed"):
            RootHelper(str(open_folder / "nothing")).answers(Verb.WIFI)

    def test_a_socket_that_nobody_listens_on_is_missing_too(self, open_folder: Path) -> None:
        path = str(open_folder / "left over")
        with socket.socket(socket.AF_UNIX) as left_over:
            left_over.bind(path)
        with pytest.raises(SourceMissingError):
            RootHelper(path).answers(Verb.WIFI)

    @pytest.mark.parametrize(
        ("sent", "words"),
        [
            (b"", "no answer"),
            (b"{}", "not the answers"),
            (b"garbage \xff", "not the answers"),
            (b'{"map": [["a", {"base64": 7}]]}', "not the answers"),
            (b" " * (wire.MAX_ANSWER + 2), "too much"),
        ],
    )
    def test_one_that_does_not_answer_as_a_helper_is_a_conflict(
        self, impostor: Callable[[Answering], RootHelper], sent: bytes, words: str
    ) -> None:
        with pytest.raises(SourceConflictError, match=words):
            impostor(lambda connection: connection.sendall(sent)).answers(Verb.WIFI)

    def test_one_that_is_late_is_a_timeout(
        self,
        impostor: Callable[[Answering], RootHelper],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(client, "TIMEOUT_S", 0.3)
        waited = threading.Event()
        helper = impostor(lambda _: (waited.wait(30), None)[1])
        try:
            with pytest.raises(SourceTimeoutError):
                helper.answers(Verb.WIFI)
        finally:
            waited.set()

    def test_one_that_drips_is_a_timeout_all_the_same(
        self,
        impostor: Callable[[Answering], RootHelper],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def drip(connection: socket.socket) -> None:
            for _ in range(300):
                connection.sendall(b" ")
                time.sleep(0.1)

        monkeypatch.setattr(client, "TIMEOUT_S", 0.5)
        with pytest.raises(SourceTimeoutError):
            impostor(drip).answers(Verb.WIFI)

    def test_one_that_is_not_roots_is_not_believed(self, open_folder: Path) -> None:
        path = str(open_folder / "impostor")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            with pytest.raises(SourceConflictError, match="not root's"):
                RootHelper(path, owner=os.geteuid() + 1).answers(Verb.WIFI)

    def test_a_socket_that_is_closed_to_this_user_is_denied(self, open_folder: Path) -> None:
        if os.geteuid() != 0:
            missing("only root can be another user")
        path = open_folder / "closed"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen()
            path.chmod(0o600)
            os.seteuid(1234)
            try:
                with pytest.raises(SourceDeniedError, match="not for this user"):
                    RootHelper(str(path)).answers(Verb.WIFI)
            finally:
                os.seteuid(0)


def test_a_mistake_while_gathering_ends_the_connection_and_not_the_helper(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def gather(verb: Verb) -> Answers:
        if verb is Verb.WIFI:
            raise RuntimeError("the text of a secret")
        return {"a": 1}

    listener = socket.socket(socket.AF_UNIX)
    with listener:
        listener.bind("")
        listener.listen()
        path = listener.getsockname()
        thread = threading.Thread(
            target=server.serve, args=(listener, frozenset({os.geteuid()}), gather, 5.0)
        )
        thread.start()
        answers = [_exchange(path, word) for word in (b"wifi\n", b"crypttab\n")]
        thread.join(30)
    assert answers == [b"", wire.to_bytes({"a": 1})]
    assert "RuntimeError" in caplog.text
    assert "secret" not in caplog.text


def _exchange(path: bytes, word: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(30)
        connection.connect(path)
        connection.sendall(word)
        return connection.recv(65_536)
