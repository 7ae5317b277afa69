"""What Prometheus reads: counts of what happened, on a listener of its own, and of nobody."""

import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from passmuster_collectors.contract.reading import Reading
from passmuster_server.config import ConfigError
from passmuster_server.config_reading import load
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_readings import with_stick
from tests.support.running_server import RunningServer, free_port
from tests.support.signing_device import SigningDevice

PATIENCE_S = 20.0
OWNER = "ana@example.com"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ClockedServer]:
    with clocked_server(tmp_path, metrics_listen=f"127.0.0.1:{free_port()}") as running:
        yield running


@pytest.fixture
def device(server: ClockedServer) -> SigningDevice:
    enrolled = SigningDevice(server.url, computer_name="ana-laptop")
    with server.client() as client:
        enrolled.enroll(client, server.enroll_code(OWNER))
    return enrolled


def text(server: ClockedServer) -> str:
    address = server.settings["metrics_listen"]
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return httpx.get(f"http://{address}/metrics", trust_env=False).raise_for_status().text
        except httpx.TransportError:
            assert time.monotonic() < deadline, "nobody answers on metrics_listen"
            time.sleep(0.05)


def values(server: ClockedServer) -> Mapping[str, float]:
    """Return each sample by its name and the values of its labels."""
    return {
        " ".join((sample.name, *sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text(server))
        for sample in family.samples
    }


def test_reports_are_counted_by_what_became_of_them(
    server: ClockedServer, device: SigningDevice, healthy: list[Reading]
) -> None:
    with server.client() as client:
        device.report(client, healthy)
        kept = device.signed_upload(device.upload(device.record(healthy)))
        device.accept(device.send(client, kept))
        device.report(client, healthy)
        assert device.send(client, kept).status_code == 409
        assert device.send(client, b"nonsense").status_code == 400
    found = values(server)
    assert found["passmuster_reports_total accepted"] == 3
    assert found["passmuster_reports_total replayed"] == 1
    assert found["passmuster_reports_total malformed"] == 1


def test_laptops_are_counted_by_verdict(server: ClockedServer, device: SigningDevice) -> None:
    assert values(server)["passmuster_devices unknown"] == 1
    with server.client() as client:
        verdict = device.report(client, with_stick()).verdict.value
    found = values(server)
    assert found[f"passmuster_devices {verdict}"] == 1
    assert found["passmuster_devices unknown"] == 0


@pytest.mark.usefixtures("device")
def test_answers_of_the_gate_are_counted(server: ClockedServer) -> None:
    token = server.gate_token()
    question = {
        "subject": {"type": "user", "id": OWNER},
        "resource": {"type": "application", "id": "helpdesk"},
        "action": {"name": "login"},
    }
    with server.client() as client:
        answer = client.post(
            "/access/v1/evaluation",
            json=question,
            headers={"Authorization": f"Bearer {token}"},
        )
    assert answer.status_code == 200, answer.text
    assert values(server)["passmuster_gate_decisions_total deny"] == 1
    assert values(server)["passmuster_gate_decisions_total allow"] == 0


@pytest.mark.usefixtures("device")
def test_commits_are_timed_and_what_waits_for_one_is_told(server: ClockedServer) -> None:
    found = values(server)
    assert found["passmuster_commit_seconds_count"] >= 2, "the ceremony's own"
    assert found["passmuster_commit_seconds_sum"] > 0
    assert found["passmuster_commit_writes_sum"] >= found["passmuster_commit_writes_count"]
    deadline = time.monotonic() + 20
    # What runs beside the requests writes, too.
    while values(server)["passmuster_writes_waiting"] != 0:
        assert time.monotonic() < deadline, "a write waits for twenty seconds"


def test_what_runs_beside_the_requests_tells_its_failures(server: ClockedServer) -> None:
    found = values(server)
    assert found["passmuster_background_failures_total deadlines"] == 0
    assert found["passmuster_background_failing deadlines"] == 0


def test_nothing_in_it_is_about_anybody(
    server: ClockedServer, device: SigningDevice, healthy: list[Reading]
) -> None:
    with server.client() as client:
        device.report(client, healthy)
    told = text(server)
    for secret in (OWNER, "example.com", device.device, "ana-laptop", "127.0.0.1"):
        assert secret not in told


def test_the_server_proper_does_not_tell_them(server: ClockedServer) -> None:
    with server.client() as client:
        assert client.get("/metrics").status_code == 404


def test_without_the_setting_nobody_listens(tmp_path: Path) -> None:
    with clocked_server(tmp_path) as running:
        names = {task.name for task in running.services.tasks}
    assert "metrics" not in names


@pytest.mark.parametrize("address", ["0.0.0.0:9463", "192.0.2.1:9463", "[::]:9463", "nowhere"])
def test_beyond_loopback_they_are_not_served(address: str) -> None:
    with pytest.raises(ConfigError, match="metrics_listen"):
        load(None, {"metrics_listen": address})


def test_an_address_that_is_taken_is_a_reason_not_to_start(tmp_path: Path) -> None:
    server = RunningServer(tmp_path / "data", free_port())
    server.command("migrate")
    settings = tmp_path / "settings.toml"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings.write_text(
            f'metrics_listen = "127.0.0.1:{port}"\ndatabase = "{server.database}"\n',
            encoding="utf-8",
        )
        ended = server.command(
            "serve",
            *("--listen", f"127.0.0.1:{server.port}", "--config", str(settings)),
            check=False,
        )
    assert ended.returncode != 0
    assert "metrics_listen: " in ended.stderr, ended.stderr
