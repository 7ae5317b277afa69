"""A laptop whose disk is full: nothing that was accepted is lost, and it goes on by itself."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from passmuster_agent import delivery, reporter, reporter_process
from passmuster_agent.config import State
from passmuster_agent.delivery import DeliveryKind, Obstacle
from passmuster_agent.enrolment import Request, enroll
from passmuster_agent.errors import AgentError, ExitCode
from passmuster_agent.outbox import Outbox
from passmuster_collectors.contract.report import Upload
from tests.support.agent_records import a_record
from tests.support.report_server import CODE, ReportServer
from tests.support.small_disk import SmallDisk, small_disk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk") as mounted:
        yield mounted


@pytest.fixture
def state(disk: SmallDisk) -> State:
    return State(disk.folder)


def enrol(server: ReportServer, state: State) -> None:
    request = Request(server.url, None, "file", replace=False)
    enroll(state, request, lambda: CODE, lambda _: None, tries=1)


def append(state: State, reason: str) -> None:
    with Outbox(state.outbox(state.device())) as outbox:
        outbox.append(a_record(reason, size=20_000), changed=True)


def sent(server: ReportServer) -> list[str]:
    return [record.readings[0].reason for record in server.records]


def test_before_the_upload_is_kept_nothing_is_sent(
    server: ReportServer, state: State, disk: SmallDisk
) -> None:
    enrol(server, state)
    append(state, "one")
    disk.fill()
    output = subprocess.check_output(reporter_process.command(state.path), timeout=60)
    delivered = delivery.from_bytes(output)
    assert (delivered.kind, delivered.obstacle) == (DeliveryKind.LATER, Obstacle.LAPTOP)
    assert "full" in delivered.problem
    assert server.bodies == []
    disk.free()
    assert reporter.deliver(state).kind is DeliveryKind.ACCEPTED
    assert sent(server) == ["one"]


def test_an_answer_that_cannot_be_kept_is_asked_for_again(
    server: ReportServer, state: State, disk: SmallDisk
) -> None:
    def fill(_: Upload) -> None:
        disk.fill()

    enrol(server, state)
    append(state, "one")
    server.judge = fill
    delivered = reporter.deliver(state)
    if delivered.kind is not DeliveryKind.ACCEPTED:
        assert "full" in delivered.problem
    server.judge = lambda _: None
    disk.free()
    append(state, "two")
    assert reporter.deliver(state).kind is DeliveryKind.ACCEPTED
    assert sent(server) == ["one", "two"]


def test_enrolment_leaves_nothing_behind(
    server: ReportServer, state: State, disk: SmallDisk
) -> None:
    state.prepare()
    disk.fill()
    with pytest.raises(AgentError, match="cannot be written"):
        enrol(server, state)
    assert server.used == set(), "the code is still good"
    assert [path.name for path in disk.folder.iterdir() if path.name != "agent.lock"] == ["filler"]
    disk.free()
    enrol(server, state)


def test_once_says_so_in_one_line(server: ReportServer, state: State, disk: SmallDisk) -> None:
    enrol(server, state)
    disk.fill()
    command = [sys.executable, "-m", "passmuster_agent.cli", "once", "--state", str(state.path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == ExitCode.FAILED
    assert done.stderr.count("\n") == 1, done.stderr
    assert "full" in done.stderr
