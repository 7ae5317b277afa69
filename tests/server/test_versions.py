"""Which agent is behind, and the one place where the version is written."""

import re
from pathlib import Path

import pytest

import passmuster_agent
import passmuster_collectors
import passmuster_server
from passmuster_server.versions import OLDEST_AGENT, is_behind, parsed
from tests.support.tools import REPOSITORY


@pytest.mark.parametrize(
    ("agent", "behind"),
    [
        *[("0.1.9", True), ("0.2.0", False), ("0.2.1", False), ("0.10.0", False), ("1.0.0", False)],
        *[("0.2.0-dev", False), ("0.1.0rc1", True), ("", True), ("newest", True), ("0.2", True)],
    ],
)
def test_numbers_are_compared_as_numbers_and_what_is_none_counts_as_behind(
    agent: str, behind: bool
) -> None:
    assert is_behind(agent, "0.2.0") is behind


def test_the_version_is_written_once() -> None:
    version = passmuster_collectors.__version__
    assert parsed(version) is not None
    assert passmuster_agent.__version__ == passmuster_server.__version__ == version
    project = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    assert 'dynamic = ["version"]' in project
    written = re.compile(r"""(?m)^(__version__|version)\s*=\s*["']""")
    found = {
        str(path.relative_to(REPOSITORY))
        for folder in ("agent", "collectors", "server", "packaging")
        for path in Path(REPOSITORY / folder).rglob("*.py")
        if written.search(path.read_text(encoding="utf-8"))
    }
    assert found == {"collectors/passmuster_collectors/__init__.py"}


def test_the_server_understands_agents_of_its_own_version() -> None:
    assert not is_behind(passmuster_server.__version__, OLDEST_AGENT)
