"""`passmuster-server serve` as an administrator runs it, in a process of its own."""

import json
import shlex
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.serving import STOP_WITHIN_S
from tests.support.certificates import Authority
from tests.support.example_readings import healthy
from tests.support.reporting_fleet import ReportingFleet
from tests.support.running_server import COMMAND, RunningServer, free_port, run, running_server
from tests.support.signing_device import SigningDevice
from tests.support.store import sqlite_only

KILLS = 4
LAPTOPS = 4


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    with running_server(tmp_path / "data") as running:
        yield running


def serve(server: RunningServer, *arguments: str) -> tuple[int, str]:
    """Try to serve and return what came of it: the exit status and what was said."""
    ended = server.command("serve", *arguments, check=False)
    return ended.returncode, ended.stderr


def test_a_server_without_its_schema_says_what_to_run(tmp_path: Path) -> None:
    status, said = serve(RunningServer(tmp_path, free_port()))
    assert status == 1
    assert "run: passmuster-server migrate" in said


def test_a_server_may_migrate_by_itself(tmp_path: Path) -> None:
    server = RunningServer(tmp_path, free_port(), ("--migrate",))
    server.start()
    try:
        with server.client() as client:
            assert client.get("/readyz").status_code == 200
    finally:
        server.stop()


@sqlite_only
def test_a_second_server_on_the_same_data_is_refused(server: RunningServer) -> None:
    status, said = serve(server, "--listen", f"127.0.0.1:{free_port()}")
    assert status == 1
    assert "another server runs on" in said


def test_a_port_that_is_taken_is_said(tmp_path: Path, server: RunningServer) -> None:
    other = RunningServer(tmp_path / "other", server.port)
    other.command("migrate")
    status, said = serve(other, "--listen", f"127.0.0.1:{server.port}")
    assert status != 0
    assert "address already in use" in said


def test_every_mistake_in_the_settings_is_said_at_once(tmp_path: Path) -> None:
    server = RunningServer(tmp_path, free_port())
    status, said = serve(server, "--listen", "192.0.2.1:1", "--tls-key", "/does/not/exist")
    assert status == 1
    keys = [line.split(": ")[1] for line in said.splitlines()]
    assert keys == ["tls_certificate, tls_key", "tls_key", "listen"]


@sqlite_only
def test_what_it_keeps_is_for_its_own_user_alone(tmp_path: Path) -> None:
    server = RunningServer(tmp_path / "made" / "by the server", free_port())
    server.command("migrate")
    server.start()
    server.stop()
    assert stat.S_IMODE(server.directory.stat().st_mode) == 0o700
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode)
        for path in server.directory.iterdir()
        if path.name != "server.log"  # the test's own
    }
    assert modes.keys() >= {"passmuster.db", "serve.lock"}
    assert set(modes.values()) == {0o600}, modes


@sqlite_only
def test_settings_may_stand_before_or_after_the_command(server: RunningServer) -> None:
    directory = ("--data-directory", str(server.directory))
    before = run(*directory, "policy", "show")
    after = run("policy", "show", *directory)
    assert before.stdout == after.stdout != ""


@sqlite_only
def test_settings_may_come_from_a_file(server: RunningServer, tmp_path: Path) -> None:
    path = tmp_path / "server.toml"
    path.write_text(f'data_directory = "{server.directory}"\n', encoding="utf-8")
    assert run("--config", str(path), "policy", "show").stdout.startswith("#")


def test_it_is_alive_and_ready(server: RunningServer) -> None:
    with server.client() as client:
        assert client.get("/healthz").text == "ok\n"
        assert client.get("/readyz").text == "ok\n"


def test_it_does_not_say_what_it_is_made_of(server: RunningServer) -> None:
    with server.client() as client:
        response = client.get("/healthz")
    assert "server" not in response.headers


def test_a_mistake_of_the_path_or_the_method_is_a_problem_document(server: RunningServer) -> None:
    with server.client() as client:
        assert client.get("/nothing/here").json()["code"] == "not_found"
        refused = client.get("/api/v1/reports")
    assert (refused.status_code, refused.json()["code"]) == (405, "wrong_method")


def test_the_log_is_one_line_of_json_for_each_event(server: RunningServer) -> None:
    server.stop()
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert {"time", "level", "logger", "message"} <= lines[0].keys()
    assert any(line["message"].startswith("ready on") for line in lines)


def test_over_tls_it_answers_whoever_trusts_its_authority(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue(["127.0.0.1"])
    pair = ("--tls-certificate", str(certificate), "--tls-key", str(key))
    server = RunningServer(tmp_path / "data", free_port(), pair, authority.certificate)
    server.command("migrate")
    server.start()
    try:
        with server.client() as client:
            device = SigningDevice(server.url)
            device.enroll(client, server.enroll_code())
            assert device.report(client, healthy()).verdict is Verdict.COMPLIANT
            question = {
                "subject": {"type": "user", "id": "ana@example.com"},
                "action": {"name": "login"},
                "resource": {"type": "application", "id": "helpdesk"},
            }
            headers = {"Authorization": f"Bearer {server.gate_token()}"}
            for _ in range(3):  # the first goes through ASGI, which looks the caller up
                answer = client.post("/access/v1/evaluation", json=question, headers=headers)
                assert "decision" in answer.json(), answer.text
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{server.url}/healthz", trust_env=False)
    finally:
        server.stop()


def test_it_stops_although_a_connection_is_open(server: RunningServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as idle:
        idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert idle.recv(1024).startswith(b"HTTP/1.1 200")
        started = time.monotonic()
        server.stop()
        assert time.monotonic() - started < STOP_WITHIN_S


def test_a_kill_under_load_loses_nothing_that_was_answered(server: RunningServer) -> None:
    fleet = ReportingFleet.enrolled(server, LAPTOPS)
    for _ in range(KILLS):
        fleet.report_until_killed(20)
        assert fleet.lost() == 0, "what was answered is stored"
        # One more may be stored than was answered: the answer was on its way.
        assert fleet.more_than_answered() <= 1
        server.start()
    assert set(fleet.go_on()) == {200}, "the chain goes on"


def test_a_reader_that_has_seen_enough_is_no_mistake(server: RunningServer) -> None:
    command = f"{shlex.join([*COMMAND, *server.base(), 'policy', 'show'])} | true"
    for _ in range(3):
        ended = subprocess.run(
            ["/bin/sh", "-c", command], capture_output=True, text=True, timeout=60, check=False
        )
        assert ended.stderr == ""
