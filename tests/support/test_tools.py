import os
from pathlib import Path

import pytest

from tests.support import tools


def test_a_tool_is_returned_by_its_absolute_path() -> None:
    shell = tools.require_tool("sh")
    assert shell.is_absolute()
    assert os.access(shell, os.X_OK)


def test_a_missing_tool_skips_on_a_newcomers_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-tool is not installed"):
        tools.require_tool("no-such-tool")


def test_a_missing_tool_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no-such-tool is not installed"):
        tools.require_tool("no-such-tool")


def test_a_missing_module_of_the_system_python_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no_such_module"):
        tools.require_system_python("no_such_module")


def test_missing_recordings_fail_in_ci(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setattr(tools, "RECORDINGS", tmp_path / "absent")
    with pytest.raises(pytest.fail.Exception, match="recordings"):
        tools.require_recordings()
