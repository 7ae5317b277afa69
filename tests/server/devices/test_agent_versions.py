"""Agents below the oldest version that IT lets report: refused in words, and shown to IT."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from passmuster_agent.config import State
from passmuster_agent.outbox import Outbox
from passmuster_collectors.contract.verdict import Verdict
from passmuster_server import __version__
from passmuster_server.devices.agent_versions import TOO_OLD
from passmuster_server.fleet.device_view import behind_of
from tests.support import running_agent
from tests.support.example_readings import healthy
from tests.support.running_server import RunningServer, free_port
from tests.support.signing_device import SigningDevice

NEXT = "9.0.0"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    made = RunningServer(tmp_path / "server", free_port())
    made.command("migrate")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def client(server: RunningServer) -> Iterator[httpx.Client]:
    with server.client() as opened:
        yield opened


def demand(server: RunningServer, oldest: str) -> None:
    """Start the server again with a setting that its file alone has."""
    server.stop()
    settings = server.directory / "oldest.toml"
    text = f'database = "{server.database}"\noldest_agent = "{oldest}"\n'
    settings.write_text(text, encoding="utf-8")
    server.arguments = ("--config", str(settings))
    server.start()


def sign_in(client: httpx.Client, link: str) -> None:
    page = client.get("/sign-in").text
    # The page has a form for the link and one for a password; either's token will do.
    field, *_ = re.findall(r'type="hidden" name="([^"]+)" value="([^"]+)"', page)
    origin = {"Origin": str(client.base_url).rstrip("/")}
    done = client.post("/sign-in", data={field[0]: field[1], "link": link}, headers=origin)
    assert done.status_code == 303, done.text


def test_what_an_older_agent_sends_is_refused_and_it_is_told_why(
    server: RunningServer, tmp_path: Path
) -> None:
    state = tmp_path / "agent"
    running_agent.enroll(server, state)
    demand(server, NEXT)
    tried = running_agent.agent_command("once", "--state", str(state), check=False)
    assert tried.returncode == 5
    said = tried.stdout + tried.stderr
    assert f"This server accepts agents from version {NEXT} on, and this laptop's is older" in said
    assert "IT has to update it." in said


def test_after_the_update_the_laptop_goes_on_though_an_older_upload_waits(
    server: RunningServer, tmp_path: Path
) -> None:
    state = tmp_path / "agent"
    running_agent.enroll(server, state)
    demand(server, NEXT)
    running_agent.agent_command("once", "--state", str(state), check=False)
    updated = tmp_path / "updated"
    updated.mkdir()
    # The next version of the agent is this one under another number.
    (updated / "sitecustomize.py").write_text(
        f"import passmuster_collectors\npassmuster_collectors.__version__ = {NEXT!r}\n"
    )
    program = ("env", f"PYTHONPATH={updated}", *running_agent.COMMAND)
    done = running_agent.agent_command("once", "--state", str(state), program=program, check=False)
    assert done.returncode in {0, 3}, done.stderr
    (version,) = server.rows("SELECT agent_version FROM devices")
    assert version == (NEXT,)
    with Outbox(State(state).outbox(State(state).device())) as outbox:
        told = outbox.overview()
    assert (told.waiting, told.set_aside, told.dropped) == (0, (), 0), "what waited was delivered"


def test_a_laptop_with_an_older_agent_does_not_enrol(server: RunningServer, tmp_path: Path) -> None:
    demand(server, NEXT)
    tried = running_agent.agent_command(
        *("enroll", "--state", str(tmp_path / "agent"), "--server", server.url, "--tier", "file"),
        code=server.enroll_code(),
        check=False,
    )
    assert tried.returncode == 7
    assert f"from version {NEXT} on" in tried.stderr
    assert server.rows("SELECT count(*) FROM devices") == [(0,)]


def test_the_refusal_is_a_problem_that_programs_know(
    server: RunningServer, client: httpx.Client
) -> None:
    device = SigningDevice(server.url)
    device.enroll(client, server.enroll_code())
    assert device.report(client, healthy()).verdict is Verdict.COMPLIANT
    demand(server, NEXT)
    with server.client() as again, pytest.raises(httpx.HTTPStatusError) as refused:
        device.report(again, healthy())
    answer = refused.value.response
    assert (answer.status_code, answer.json()["code"]) == (403, TOO_OLD)


def test_the_fleet_page_and_the_laptops_own_say_who_is_behind(
    server: RunningServer, client: httpx.Client
) -> None:
    device = SigningDevice(server.url)
    device.enroll(client, server.enroll_code())
    sign_in(client, server.sign_in_link())
    assert "test-laptop" in client.get("/fleet").text
    assert "behind" not in client.get("/fleet").text
    server.change("UPDATE devices SET agent_version = '0.0.9'")
    page = client.get("/fleet").text
    assert "agent <bdi>0.0.9</bdi>, behind" in page
    own = client.get(f"/fleet/devices/{device.device}").text
    assert "refused: 0.1.0 is the oldest that this server accepts" in own
    assert behind_of("0.0.9", oldest="0.0.1") == f"behind this server, which is {__version__}"
    assert behind_of(__version__, oldest="0.0.1") == ""
