"""Real older builds beside today's: each agent with each server, and every step of an upgrade."""

import functools
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from passmuster_collectors.contract.verdict import Verdict
from tests.support.old_builds import OldBuild, build_of
from tests.support.running_agent import COMMAND as AGENT
from tests.support.running_agent import agent_command
from tests.support.running_server import RunningServer, running_server
from tests.support.store import sqlite_only

pytestmark = [pytest.mark.timeout(300), sqlite_only]

AGENTS = {
    # Without a memory of USB devices, without a way to change a key.
    "N-2": "3fe98e8",
    # Without groups, without a proof for a browser.
    "N-1": "1068fb1",
}
SERVERS = {
    # The first whose schema every later one starts from.
    "N-2": "cdd20bc",
    "N-1": "1068fb1",
}

Build = Callable[[str], OldBuild]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Return what builds a commit, each once."""
    return functools.cache(lambda commit: build_of(commit, tmp_path_factory.mktemp("old")))


@pytest.fixture(scope="module")
def today(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("today")) as running:
        yield running


def enroll(server: RunningServer, state: Path, program: Sequence[str]) -> None:
    arguments = ("enroll", "--state", str(state), "--server", server.url, "--tier", "file")
    done = agent_command(*arguments, code=server.enroll_code(), program=program, check=False)
    assert done.returncode == 0, done.stderr


def report(state: Path, program: Sequence[str]) -> Verdict:
    done = agent_command("once", "--json", "--state", str(state), program=program, check=False)
    assert done.returncode in {0, 3, 4}, done.stderr
    return Verdict(json.loads(done.stdout)["verdict"])


def device_of(state: Path) -> str:
    return str(json.loads((state / "device.json").read_text(encoding="utf-8"))["device"])


@pytest.mark.parametrize("release", AGENTS)
def test_an_older_agent_reports_to_todays_server_and_goes_on_as_the_same_laptop_once_updated(
    build: Build, today: RunningServer, tmp_path: Path, release: str
) -> None:
    old, state = build(AGENTS[release]).agent, tmp_path / "agent"
    enroll(today, state, old)
    assert report(state, old) is not Verdict.UNKNOWN
    assert report(state, old) is not Verdict.UNKNOWN, "and again, by the ratchet"
    device = device_of(state)
    stored = today.rows("SELECT signal FROM readings WHERE device_id = ?", device)
    assert len(stored) >= 5
    assert report(state, AGENT) is not Verdict.UNKNOWN, "updated"
    assert device_of(state) == device
    status = agent_command("status", "--json", "--state", str(state), check=False)
    assert json.loads(status.stdout)["device"]["device"] == device, status.stderr


@pytest.mark.parametrize("release", SERVERS)
def test_todays_agent_enrols_with_an_older_server_and_is_judged(
    build: Build, tmp_path: Path, release: str
) -> None:
    state = tmp_path / "agent"
    with running_server(tmp_path / "server", program=build(SERVERS[release]).server) as server:
        enroll(server, state, AGENT)
        assert report(state, AGENT) is not Verdict.UNKNOWN
        assert report(state, AGENT) is not Verdict.UNKNOWN, "and again, by the ratchet"


@pytest.mark.parametrize("release", SERVERS)
def test_a_server_that_was_updated_knows_its_laptops_and_can_not_go_back(
    build: Build, tmp_path: Path, release: str
) -> None:
    old, state = build(SERVERS[release]), tmp_path / "agent"
    with running_server(tmp_path / "server", program=old.server) as server:
        enroll(server, state, old.agent)
        report(state, old.agent)
    updated = RunningServer(server.directory, server.port, ("--migrate",))
    updated.start()
    try:
        assert report(state, old.agent) is not Verdict.UNKNOWN, "the older agent, by the ratchet"
        assert report(state, AGENT) is not Verdict.UNKNOWN, "and after its own update"
        assert updated.rows("SELECT count(*) FROM devices") == [(1,)]
    finally:
        updated.stop()
    schema = server.rows("SELECT version_num FROM alembic_version")
    tried = server.command("enroll-code", "--owner", "ana@example.com", check=False)
    assert tried.returncode == 1
    assert "another version than this server" in tried.stderr
    assert server.rows("SELECT version_num FROM alembic_version") == schema
