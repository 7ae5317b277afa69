"""The real agent and the real server, each in its own process."""

import dataclasses
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from passmuster_agent import reporter, rotation
from passmuster_agent.config import State
from passmuster_agent.delivery import DeliveryKind
from passmuster_agent.errors import AgentError, ExitCode
from passmuster_agent.keystore import tpm_device
from passmuster_agent.outbox import Outbox
from passmuster_agent.rotate_key import rotate_key
from passmuster_agent.transport import Reply, Transport, UnreachableError
from tests.support.agent_records import a_record
from tests.support.running_agent import agent_command, enroll, running_agent
from tests.support.running_server import RunningServer, running_server
from tests.support.software_tpm import software_tpm

VERDICT_CODES = {ExitCode.DONE, ExitCode.NON_COMPLIANT, ExitCode.VERDICT_UNKNOWN}
"""Which of them it is depends on the machine that runs the tests."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "agent" / "state")


@pytest.fixture
def enrolled(server: RunningServer, state: State) -> State:
    enroll(server, state.path)
    return state


def agent(name: str, state: State, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return agent_command(name, "--state", str(state.path), *arguments, check=False)


def status(state: State) -> dict[str, object]:
    found: dict[str, object] = json.loads(agent("status", state, "--json").stdout)
    return found


def device_id(state: State) -> str:
    return state.device().device


def rotate_and_lose_the_answer(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the server take a new key, and this laptop not hear of it."""
    post = Transport.post

    def lost(self: Transport, path: str, body: bytes, content_type: str) -> Reply:
        reply = post(self, path, body, content_type)
        if path == rotation.PATH:
            raise UnreachableError("The answer was lost.", "")
        return reply

    with monkeypatch.context() as patch:
        patch.setattr(Transport, "post", lost)
        with pytest.raises(AgentError, match="waits for the server's answer"):
            rotate_key(state, None, print)


def test_once_prints_the_servers_verdict_and_exits_by_it(enrolled: State) -> None:
    done = agent("once", enrolled)
    assert done.returncode in VERDICT_CODES, done.stderr
    verdict = status(enrolled)["verdict"]
    assert f"Verdict: {str(verdict).replace('_', ' ')}" in done.stdout
    assert "advice" not in done.stdout
    expected = {
        "compliant": ExitCode.DONE,
        "grace": ExitCode.DONE,
        "non_compliant": ExitCode.NON_COMPLIANT,
        "unknown": ExitCode.VERDICT_UNKNOWN,
    }
    assert done.returncode == expected[str(verdict)]


def test_many_reports_in_a_row_keep_the_ratchet(enrolled: State) -> None:
    for _ in range(4):
        assert agent("once", enrolled).returncode in VERDICT_CODES
    found = status(enrolled)
    assert found["waiting"] == 0
    assert found["set_aside"] == []


def test_a_deployment_secret_enrols_its_owners_laptop_which_waits_for_approval(
    server: RunningServer, state: State
) -> None:
    printed = server.command("deployment-secret", "add", "mdm", "--uses", "2", "--days", "1").stdout
    secret = printed.splitlines()[2]
    place = ("enroll", "--server", server.url, "--tier", "file", "--state", str(state.path))
    nobodys = agent_command(*place, code=secret, check=False)
    assert nobodys.returncode == ExitCode.REFUSED
    assert "nobody said whose this one is" in nobodys.stderr
    assert "--owner" in nobodys.stderr
    done = agent_command(*place, "--owner", "ben@example.com", code=secret)
    assert "waits for IT's approval" in done.stdout
    assert "Enrolled for ben@example.com" in done.stdout
    waiting = agent("once", state)
    assert waiting.returncode == ExitCode.VERDICT_UNKNOWN
    assert "IT has not approved this laptop yet" in waiting.stdout
    server.command("approve", device_id(state))
    approved = agent("once", state)
    assert approved.returncode in VERDICT_CODES
    assert "not approved" not in approved.stdout


def test_leave_retires_the_laptop_and_leaves_nothing_of_it(
    server: RunningServer, enrolled: State
) -> None:
    device = device_id(enrolled)
    unsure = agent_command("leave", "--state", str(enrolled.path), code="no", check=False)
    assert "Nothing has changed" in unsure.stdout
    assert device_id(enrolled) == device
    left = agent("leave", enrolled, "--yes")
    assert (left.returncode, left.stderr) == (ExitCode.DONE, "")
    retired = server.rows("SELECT status FROM devices WHERE device_id = ?", device)
    assert retired == [("retired",)]
    assert [path.name for path in enrolled.path.iterdir()] == ["agent.lock"]
    assert agent("leave", enrolled, "--yes").returncode == ExitCode.NOT_ENROLLED


def test_leave_finishes_a_change_of_the_key_first(
    server: RunningServer, enrolled: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    device, before = device_id(enrolled), enrolled.device().fingerprint
    rotate_and_lose_the_answer(enrolled, monkeypatch)
    assert enrolled.device().fingerprint == before, "the server has the new key, the laptop the old"
    left = agent("leave", enrolled, "--yes")
    assert (left.returncode, left.stderr) == (ExitCode.DONE, "")
    retired = server.rows("SELECT status FROM devices WHERE device_id = ?", device)
    assert retired == [("retired",)]
    assert [path.name for path in enrolled.path.iterdir()] == ["agent.lock"]


def test_leave_keeps_all_where_nobody_answers_unless_forced(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    with running_server(tmp_path / "gone") as gone:
        enroll(gone, state.path)
    before = device_id(state)
    kept = agent("leave", state, "--yes")
    assert kept.returncode == ExitCode.NOT_DELIVERED
    assert "add --force" in kept.stderr
    assert device_id(state) == before
    forced = agent("leave", state, "--yes", "--force")
    assert forced.returncode == ExitCode.DONE
    assert "IT was not told" in forced.stdout
    assert [path.name for path in state.path.iterdir()] == ["agent.lock"]


def test_a_wrong_code_is_refused_and_a_used_one_too(
    server: RunningServer, state: State, tmp_path: Path
) -> None:
    place = ("enroll", "--server", server.url, "--tier", "file", "--state")
    wrong = agent_command(*place, str(state.path), code="0000-0000-0000", check=False)
    assert wrong.returncode == ExitCode.REFUSED
    assert "The code is not right." in wrong.stderr
    code = server.enroll_code()
    assert agent_command(*place, str(state.path), code=code).returncode == ExitCode.DONE
    used = agent_command(*place, str(tmp_path / "second"), code=code, check=False)
    assert used.returncode == ExitCode.REFUSED
    assert "used already" in used.stderr


def test_a_server_that_is_down_loses_nothing(tmp_path: Path, state: State) -> None:
    with running_server(tmp_path / "server") as server:
        enroll(server, state.path)
        server.stop()
        done = agent("once", state)
        assert done.returncode == ExitCode.NOT_DELIVERED
        assert "cannot be reached" in done.stderr
        assert status(state)["waiting"] == 1
        server.start()
        assert agent("once", state).returncode in VERDICT_CODES
        assert status(state)["waiting"] == 0


def test_a_revoked_laptop_is_told_and_its_daemon_stops(
    server: RunningServer, enrolled: State
) -> None:
    agent("once", enrolled)
    server.command("revoke", device_id(enrolled))
    done = agent("once", enrolled)
    assert done.returncode == ExitCode.REFUSED
    assert "IT has revoked this laptop." in done.stderr
    with running_agent(enrolled.path) as daemon:
        assert daemon.wait(timeout=30) == ExitCode.REFUSED


def test_a_copied_key_is_noticed_and_enrolling_again_helps(
    server: RunningServer, enrolled: State, tmp_path: Path
) -> None:
    agent("once", enrolled)
    subprocess.run(["cp", "-a", enrolled.path, tmp_path / "copy"], check=True)
    agent("once", enrolled)
    agent("once", enrolled)
    copied = agent("once", State(tmp_path / "copy"))
    assert copied.returncode == ExitCode.REFUSED
    assert "enroll --replace" in copied.stderr
    original = agent("once", enrolled)
    assert original.returncode == ExitCode.REFUSED, "neither copy is trusted any more"
    agent_command(
        *("enroll", "--replace", "--tier", "file"),
        *("--server", server.url, "--state", str(enrolled.path)),
        code=server.enroll_code(),
    )
    assert agent("once", enrolled).returncode in VERDICT_CODES


def test_a_bad_record_is_set_aside_and_the_others_arrive(enrolled: State) -> None:
    with Outbox(enrolled.outbox(enrolled.device())) as outbox:
        # Of another device: the server names the record.
        outbox.append(a_record("bad"), changed=True)
    assert agent("once", enrolled).returncode in VERDICT_CODES
    found = status(enrolled)
    assert found["waiting"] == 0
    assert len(found["set_aside"]) == 1  # type: ignore[arg-type]
    assert "records[0].device" in str(found["set_aside"])


def test_the_daemon_reports_at_once_and_again_after_kill_9(enrolled: State) -> None:
    for _ in range(2):
        with running_agent(enrolled.path) as daemon:
            deadline = time.monotonic() + 20
            before = status(enrolled)["judged_at"]
            while status(enrolled)["judged_at"] == before:
                assert time.monotonic() < deadline, "no answer of the server's arrived"
                time.sleep(0.2)
            daemon.kill()
    found = status(enrolled)
    assert found["current"] is True
    assert found["set_aside"] == []


def test_a_key_is_rotated_and_the_reports_go_on(enrolled: State) -> None:
    agent("once", enrolled)
    before = enrolled.device()
    done = agent("rotate-key", enrolled)
    assert done.returncode == ExitCode.DONE, done.stderr
    after = enrolled.device()
    assert after.device == before.device
    assert after.fingerprint != before.fingerprint
    assert after.fingerprint in done.stdout
    assert agent("once", enrolled).returncode in VERDICT_CODES


def test_a_key_is_rotated_beside_the_running_agent(server: RunningServer, enrolled: State) -> None:
    def last_upload() -> int:
        found = server.rows(
            "SELECT sequence FROM ratchets WHERE device_id = ?", device_id(enrolled)
        )
        return int(found[0][0])

    with running_agent(enrolled.path) as daemon:
        _until(lambda: last_upload() > 0)
        done = agent("rotate-key", enrolled)
        assert done.returncode == ExitCode.DONE, done.stderr
        rotated_at = last_upload()
        assert daemon.poll() is None
    assert agent("once", enrolled).returncode in VERDICT_CODES
    assert last_upload() > rotated_at


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.1)


def test_a_rotation_whose_answer_was_lost_is_finished_with_the_next_report(
    enrolled: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = enrolled.device()
    rotate_and_lose_the_answer(enrolled, monkeypatch)
    assert enrolled.device() == before
    assert agent("once", enrolled).returncode in VERDICT_CODES
    assert enrolled.device().fingerprint != before.fingerprint


def test_a_key_moves_into_the_tpm_and_it_sees_where_it_is(
    server: RunningServer, enrolled: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    with software_tpm() as chip:
        monkeypatch.setattr(tpm_device, "PATH", chip.path)
        rotate_key(enrolled, "hardware", print)
        with Outbox(enrolled.outbox(enrolled.device())) as outbox:
            record = dataclasses.replace(a_record(), device=device_id(enrolled))
            outbox.append(record, changed=True)
        assert reporter.deliver(enrolled).kind is DeliveryKind.ACCEPTED
    tiers = server.rows("SELECT tier FROM devices WHERE device_id = ?", device_id(enrolled))
    assert tiers == [("hardware",)]
