"""What the agent's tests share: a server on loopback and a laptop that is enrolled with it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from passmuster_agent.config import Device, State
from passmuster_agent.enrolment import Request, enroll
from tests.support.report_server import CODE, ReportServer, serving


@pytest.fixture
def server() -> Iterator[ReportServer]:
    with serving() as served:
        yield served


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state")


@pytest.fixture
def enrolled(server: ReportServer, state: State) -> Device:
    return enroll(
        state, Request(server.url, None, "file", False), lambda: CODE, lambda _: None, tries=1
    )


@pytest.fixture
def say() -> Callable[[str], None]:
    return lambda _: None
