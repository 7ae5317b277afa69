"""The command as people and scripts use it: a real process each time."""

import dataclasses
import json
import os
import pty
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from passmuster_agent.config import Device, State
from passmuster_agent.errors import ExitCode
from passmuster_agent.outbox import Outbox
from passmuster_collectors.contract import codec
from passmuster_collectors.contract.report import Upload
from passmuster_collectors.contract.verdict import Verdict
from passmuster_collectors.signals import CATALOG
from tests.support.report_server import CODE, HANG_UP, ReportServer, refusal

NOW = datetime.now(UTC)
AGENT = [sys.executable, "-m", "passmuster_agent.cli"]


def agent(
    *arguments: str, state: State | None = None, stdin: str = ""
) -> "subprocess.CompletedProcess[str]":
    place = ["--state", str(state.path)] if state else []
    return subprocess.run(
        [*AGENT, *arguments, *place],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def one_line(text: str) -> str:
    """Return the message of a failed command, which is one line without a traceback."""
    assert text.startswith("passmuster-agent: "), text
    assert text.count("\n") == 1, text
    return text


class TestEnroll:
    def test_takes_the_code_from_a_pipe(self, server: ReportServer, state: State) -> None:
        done = agent("enroll", "--server", server.url, "--tier", "file", state=state, stdin=CODE)
        assert done.returncode == ExitCode.DONE, done.stderr
        assert "Enrolled for ana@example.com" in done.stdout
        assert "tier file" in done.stdout
        assert state.device().server_url == server.url

    def test_asks_for_the_code_on_a_terminal_and_again_when_it_is_wrong(
        self, server: ReportServer, state: State
    ) -> None:
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            [*AGENT, "enroll", "--server", server.url, "--tier", "file", "--state", state.path],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        ) as process:
            os.close(theirs)
            shown = b""
            for typed in (b"wrong\n", CODE.encode() + b"\n"):
                while not shown.endswith(b"Code from IT: "):
                    shown += os.read(ours, 1024)
                os.write(ours, typed)
                shown += os.read(ours, 1024)
            assert process.wait(timeout=30) == ExitCode.DONE, shown
        os.close(ours)
        assert b"The code is not right." in shown

    def test_does_not_take_the_code_as_an_argument(self, server: ReportServer) -> None:
        assert agent("enroll", CODE, "--server", server.url).returncode == ExitCode.USAGE
        assert agent("enroll", "--code", CODE, "--server", server.url).returncode == ExitCode.USAGE

    def test_a_wrong_code_ends_with_one_line(self, server: ReportServer, state: State) -> None:
        done = agent("enroll", "--server", server.url, "--tier", "file", state=state, stdin="NO")
        assert done.returncode == ExitCode.REFUSED
        assert "The code is not right." in one_line(done.stderr)

    def test_plain_http_to_another_machine_is_refused(self, state: State) -> None:
        done = agent("enroll", "--server", "http://passmuster.example.com", state=state, stdin=CODE)
        assert done.returncode == ExitCode.FAILED
        assert "not encrypted" in one_line(done.stderr)


class TestOnce:
    @pytest.mark.parametrize(
        ("verdict", "code"),
        [
            (Verdict.COMPLIANT, ExitCode.DONE),
            (Verdict.GRACE, ExitCode.DONE),
            (Verdict.NON_COMPLIANT, ExitCode.NON_COMPLIANT),
            (Verdict.UNKNOWN, ExitCode.VERDICT_UNKNOWN),
        ],
    )
    @pytest.mark.usefixtures("enrolled")
    def test_reports_and_its_exit_code_is_the_verdict(
        self, server: ReportServer, state: State, verdict: Verdict, code: ExitCode
    ) -> None:
        server.verdict = verdict
        done = agent("once", state=state)
        assert done.returncode == code, done.stderr
        assert f"Verdict: {verdict.value.replace('_', ' ')}" in done.stdout
        assert "advice" not in done.stdout, "the server has judged these very findings"
        assert len(server.uploads) == 1

    @pytest.mark.usefixtures("enrolled")
    def test_shows_advice_when_the_server_is_down_and_reports_the_next_time(
        self, server: ReportServer, state: State
    ) -> None:
        server.instead.append(HANG_UP)
        done = agent("once", state=state)
        assert done.returncode == ExitCode.NOT_DELIVERED
        assert "advice of this laptop, not the server's word" in done.stdout
        assert "cannot be reached" in one_line(done.stderr)
        assert agent("once", state=state).returncode == ExitCode.DONE
        assert len(server.records) == 2

    @pytest.mark.usefixtures("enrolled")
    def test_a_copied_key_is_told_with_the_way_out(
        self, server: ReportServer, state: State
    ) -> None:
        server.instead.append(refusal(409, "identity_conflict", "Two laptops."))
        done = agent("once", state=state)
        assert done.returncode == ExitCode.REFUSED
        assert "second copy" in one_line(done.stderr)
        assert "enroll --replace" in done.stderr

    def test_an_unenrolled_laptop_is_told_how(self, state: State) -> None:
        done = agent("once", state=state)
        assert done.returncode == ExitCode.NOT_ENROLLED
        assert "passmuster-agent enroll" in one_line(done.stderr)

    @pytest.mark.usefixtures("enrolled")
    def test_a_locked_state_is_told(self, state: State) -> None:
        with state.lock():
            done = agent("once", state=state)
        assert done.returncode == ExitCode.ALREADY_RUNNING
        assert "passmuster-agent status" in one_line(done.stderr)

    @pytest.mark.usefixtures("enrolled")
    def test_a_clock_that_is_off_by_a_year_changes_nothing(
        self, server: ReportServer, state: State
    ) -> None:
        program = (
            "import datetime as real, sys\n"
            "class Off(real.datetime):\n"
            "    @classmethod\n"
            "    def now(cls, tz=None):\n"
            "        return super().now(tz) + real.timedelta(days=400)\n"
            "real.datetime = Off\n"
            "from passmuster_agent.cli import main\n"
            "sys.exit(main(sys.argv[1:]))\n"
        )
        command = [sys.executable, "-c", program, "once", "--state", str(state.path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == ExitCode.DONE, done.stderr
        assert server.uploads[0].sent_at.year > server.uploads[0].sent_at.now().year


class TestStatus:
    def test_a_pipe_that_has_no_check_marks_gets_something_else_for_them(
        self, tmp_path: Path
    ) -> None:
        done = subprocess.run(
            [*AGENT, "status", "--state", str(tmp_path / "none")],
            capture_output=True,
            timeout=60,
            check=False,
            env={**os.environ, "PYTHONIOENCODING": "ascii:strict"},
        )
        assert done.returncode == ExitCode.NOT_ENROLLED, done.stderr
        assert b"is not enrolled" in done.stdout

    def test_before_enrolment_gives_advice(self, tmp_path: Path) -> None:
        done = agent("status", state=State(tmp_path / "none"))
        assert done.returncode == ExitCode.NOT_ENROLLED
        assert "is not enrolled" in done.stdout
        assert all(signal.title in done.stdout for signal in CATALOG)
        assert not (tmp_path / "none").exists(), "looking must not leave anything behind"

    @pytest.mark.usefixtures("enrolled")
    def test_shows_each_signal_with_sources_and_the_servers_word(
        self, server: ReportServer, state: State
    ) -> None:
        agent("once", state=state)
        done = agent("status", state=state)
        assert done.returncode == ExitCode.DONE, done.stderr
        assert "Verdict: compliant" in done.stdout
        assert "judged by the test" in done.stdout
        assert "source" in done.stdout
        assert "No agent is running" in done.stdout
        assert "\x1b" not in done.stdout, "a pipe gets no colours"
        assert len(server.uploads) == 1, "status sends nothing"

    @pytest.mark.usefixtures("enrolled")
    def test_as_json_has_the_same(self, state: State) -> None:
        agent("once", state=state)
        found = json.loads(agent("status", "--json", state=state).stdout)
        assert found["verdict"] == "compliant"
        assert found["current"] is True
        assert found["running"] is False
        assert [each["signal"] for each in found["signals"]] == [each.id for each in CATALOG]
        # Packages are counted beside the reading: the count may have come after the report.
        same = [each for each in found["signals"] if each["signal"] != "system_updates"]
        assert {each["judged_by"] for each in same} == {"server"}, same
        assert found["last_try"]["kind"] == "accepted"

    def test_says_when_the_state_is_another_users(self, state: State, enrolled: Device) -> None:
        if os.geteuid() != 0:
            pytest.skip("only root can give files away")
        os.chown(state.path / "device.json", 1, 1)
        done = agent("status", state=state)
        assert done.returncode == ExitCode.FAILED
        assert "not a file of this user" in one_line(done.stderr)


def comparable(upload: Upload) -> object:
    """Return all of an upload but its times and the random name of its record."""
    record = upload.records[0]
    return (
        dataclasses.replace(upload, sent_at=NOW, records=()),
        dataclasses.replace(record, record_id="", collected_at=NOW, uptime_s=0, readings=()),
        [dataclasses.replace(each, collected_at=NOW) for each in record.readings],
    )


class TestShow:
    @pytest.mark.usefixtures("enrolled")
    def test_is_what_the_next_report_says(self, server: ReportServer, state: State) -> None:
        agent("once", state=state)
        text = agent("show", "--json", state=state).stdout
        shown = codec.decode(Upload, json.loads(text)["upload"])
        assert len(server.bodies) == 1, "show sends nothing"
        agent("once", state=state)
        sent = server.uploads[1]
        assert comparable(shown) == comparable(sent)

    def test_works_before_enrolment_and_leaves_nothing_behind(self, tmp_path: Path) -> None:
        done = agent("show", state=State(tmp_path / "none"))
        assert done.returncode == ExitCode.DONE, done.stderr
        assert "Nothing has been sent" in done.stdout
        assert "Once, at enrolment" in done.stdout
        assert not (tmp_path / "none").exists()

    def test_gives_a_reason_for_every_fact(self, tmp_path: Path) -> None:
        why = json.loads(agent("show", "--json", state=State(tmp_path / "none")).stdout)["why"]
        assert list(why["facts"]) == [each.id for each in CATALOG]
        assert all(reason for facts in why["facts"].values() for reason in facts.values())


def test_help_names_the_commands_and_exit_codes_but_not_the_daemons_own_child() -> None:
    shown = agent("--help").stdout
    for command in ("enroll", "once", "run", "status", "show"):
        assert command in shown
    assert "reporter" not in shown
    for code in ExitCode:
        assert f"  {int(code)}  " in shown


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["run", "--nonsense"], ["enroll"]])
def test_a_wrong_command_line_is_a_usage_error(arguments: list[str]) -> None:
    assert agent(*arguments).returncode == ExitCode.USAGE


@pytest.mark.usefixtures("enrolled")
def test_a_reader_that_stops_reading_gets_no_traceback(state: State) -> None:
    shell = f"{' '.join(AGENT)} show --state {state.path} | head -1"
    done = subprocess.run(
        ["sh", "-c", shell], capture_output=True, text=True, timeout=60, check=True
    )
    assert "Traceback" not in done.stderr


def test_an_outbox_that_is_gone_is_told(state: State, enrolled: Device) -> None:
    state.outbox(enrolled).unlink()
    done = agent("once", state=state)
    assert done.returncode == ExitCode.FAILED
    assert "enroll --replace" in one_line(done.stderr)


def test_what_waits_is_told(server: ReportServer, state: State, enrolled: Device) -> None:
    server.instead.append(HANG_UP)
    agent("once", state=state)
    shown = agent("status", state=state).stdout
    assert "1 record(s) wait to be sent" in shown
    assert "cannot be reached" in shown
    with Outbox(state.outbox(enrolled)) as outbox:
        assert outbox.overview().waiting == 1


def test_a_code_page_without_our_signs_stops_no_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "passmuster_agent.cli", "status", "--state", tmp_path / "state"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=90,
        check=False,
    )
    assert b"Traceback" not in done.stderr
    assert "Disk encryption" in done.stdout.decode("ascii")
