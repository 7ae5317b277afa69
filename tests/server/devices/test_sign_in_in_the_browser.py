"""The whole way of a worker: the real agent asks, a real Chromium signs in and approves it."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.accessibility import expect_no_faults
from tests.support.browser import Browsing, browsing
from tests.support.clocked_server import ClockedServer
from tests.support.openid_provider import server_with_provider
from tests.support.running_agent import COMMAND, agent_command

ENDS_WITHIN_S = 60.0
EMAIL = "ana@example.com"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ClockedServer]:
    with server_with_provider(tmp_path / "server", enrolment="at_once") as (running, provider):
        provider.know("ana")
        yield running


@pytest.fixture
def browser() -> Iterator[Browsing]:
    with browsing() as opened:
        yield opened


class Enrolling:
    """The agent's `enroll --sign-in`, in its own process, until it shows its code."""

    def __init__(self, server: ClockedServer, state: Path) -> None:
        self.process = subprocess.Popen(
            [
                *(*COMMAND, "enroll", "--sign-in", "--state", str(state)),
                *("--server", server.url, "--tier", "file"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said = ""
        assert self.process.stdout is not None
        while "Waiting" not in self.said:
            line = self.process.stdout.readline()
            assert line, f"the agent ended: {self.said}"
            self.said += line

    def found(self, pattern: str) -> str:
        """Return what the agent shows."""
        found = re.search(pattern, self.said, re.MULTILINE)
        assert found, self.said
        return found[1]

    def end(self) -> str:
        """Wait for its end; return all that it has said."""
        said, _ = self.process.communicate(timeout=ENDS_WITHIN_S)
        return self.said + said


@pytest.fixture
def agent(server: ClockedServer, tmp_path: Path) -> Iterator[Enrolling]:
    enrolling = Enrolling(server, tmp_path / "state")
    try:
        yield enrolling
    finally:
        enrolling.process.kill()
        enrolling.process.communicate()


def at_the_laptop(page: Page, agent: Enrolling) -> None:
    """Go where the agent says, sign in, and type its code."""
    page.goto(agent.found(r"open (\S+)"))
    expect_no_faults(page)
    page.get_by_role("link", name="Sign in with your organisation").click()
    page.get_by_label("Who are you?").fill("ana")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Type the code")).to_be_visible()
    expect_no_faults(page, "devices/approve.html")
    page.get_by_label("Code").fill(agent.found(r"^    (\S+)$"))
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", name="Is this the laptop")).to_be_visible()
    expect_no_faults(page)


def test_a_worker_enrols_the_laptop_in_front_of_them(
    server: ClockedServer, agent: Enrolling, browser: Browsing, tmp_path: Path
) -> None:
    page = browser.page()
    at_the_laptop(page, agent)
    expect(page.get_by_text(agent.found(r"its key, (\S+)\."))).to_be_visible()
    page.get_by_role("button", name="Yes, it is mine").click()
    expect(page.get_by_role("heading", name="This laptop is yours now")).to_be_visible()
    expect_no_faults(page)
    assert f"Enrolled for {EMAIL}." in agent.end()
    assert agent.process.returncode == 0
    assert browser.complaints == []
    reported = agent_command("once", "--state", str(tmp_path / "state"), check=False)
    assert reported.returncode in {0, 3, 4}, reported.stderr
    owners = server.rows("SELECT owner, status FROM devices")
    assert owners == [(EMAIL, "active")]


def test_what_is_turned_down_enrols_nothing(
    server: ClockedServer, agent: Enrolling, browser: Browsing, tmp_path: Path
) -> None:
    page = browser.page()
    at_the_laptop(page, agent)
    page.get_by_role("button", name="No, turn it down").click()
    expect(page.get_by_role("heading", name="The laptop was turned down")).to_be_visible()
    assert "This laptop was turned down." in agent.end()
    assert agent.process.returncode == 7
    assert server.rows("SELECT owner FROM devices") == []
    left = [path.name for path in (tmp_path / "state").iterdir() if path.name != "agent.lock"]
    assert left == [], "expected no key to be left behind"
