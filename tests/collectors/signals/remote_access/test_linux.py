"""The tools that run on this very machine, and those on a list of processes."""

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from passmuster_collectors.host.answers import Process
from passmuster_collectors.host.linux import LinuxHost
from passmuster_collectors.runner import collect
from passmuster_collectors.signals.remote_access import SIGNAL
from passmuster_collectors.signals.remote_access.linux import TCP, parse_listening
from passmuster_collectors.signals.remote_access.processes import tools_among
from passmuster_collectors.signals.remote_access.products import TOOLS, ToolName, tool_of
from tests.support.recorded_host import RecordedHost


def process(name: str, *arguments: str) -> Process:
    return Process(7, 1000, name, arguments)


def test_every_tool_has_programs_that_no_other_tool_has() -> None:
    assert set(TOOLS) == set(ToolName)
    names = [name for tool in TOOLS.values() for name in tool.programs]
    assert len(names) == len(set(names))
    assert all(name == name.casefold().removesuffix(".exe") for name in names)


@pytest.mark.parametrize("name", ["AnyDesk.exe", "anydesk", "AnyDesk", "ANYDESK.EXE"])
def test_a_program_is_known_on_every_system_by_the_same_name(name: str) -> None:
    assert tool_of(name) is ToolName.ANYDESK


@pytest.mark.parametrize("name", ["", "anydesk-notes", "my-teamviewer", "vncviewer", ".exe", "nx"])
def test_a_name_that_only_resembles_one_is_none(name: str) -> None:
    assert tool_of(name) is None


def test_the_file_a_program_was_started_from_counts_too() -> None:
    windows = process("", r"C:\Program Files\AnyDesk\AnyDesk.exe", "--service")
    cut = process("teamviewer_ser", "/opt/teamviewer/TeamViewer_Service")
    assert tools_among([windows, cut]) == {ToolName.ANYDESK, ToolName.TEAMVIEWER}


def test_an_argument_does_not_count() -> None:
    assert tools_among([process("less", "less", "/usr/share/doc/anydesk")]) == frozenset()


def test_a_real_listening_socket_is_in_the_kernels_table() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert port in parse_listening(Path(TCP[0]).read_bytes())
    assert port not in parse_listening(Path(TCP[0]).read_bytes())


@pytest.fixture
def anydesk(tmp_path: Path) -> Iterator[None]:
    """A program that is called anydesk and does nothing."""
    program = tmp_path / "anydesk"
    shutil.copy(shutil.which("sleep") or "/bin/sleep", program)
    with subprocess.Popen([program, "120"]) as running:
        yield
        running.kill()


@pytest.mark.usefixtures("anydesk")
def test_a_program_that_really_runs_is_told_and_nothing_else_of_it() -> None:
    (reading,) = collect(LinuxHost(b"a key for this test"), [SIGNAL])
    assert reading.facts is not None
    assert "anydesk" in reading.facts["running"]


def test_nothing_but_names_of_our_own_list_leaves_the_laptop() -> None:
    private = {"pid": 77, "uid": 1000, "name": "diary", "arguments": ["/home/ana/diary", "x11vnc"]}
    vnc = {"pid": 78, "uid": 1000, "name": "x11vnc", "arguments": ["x11vnc", "-passwd", "secret"]}
    (reading,) = collect(RecordedHost({"processes": [private, vnc]}), [SIGNAL])
    assert reading.facts == {"running": ["vnc"], "unclear": []}
    told = json.dumps([reading.reason, [str(each) for each in reading.sources]])
    assert "diary" not in told
    assert "secret" not in told
    assert str(os.getpid()) not in told
