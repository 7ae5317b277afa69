"""The server as it is installed: from a wheel, by hashes, into an environment of its own."""

import json
import re
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from passmuster_collectors import __version__
from passmuster_collectors.signals import CATALOG
from tests.support.package_builds import build
from tests.support.running_agent import agent_command
from tests.support.running_server import RunningServer, running_server

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def server(
    installed_server: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    program = (str(installed_server / "bin" / "passmuster-server"),)
    with running_server(tmp_path_factory.mktemp("installed"), program=program) as running:
        yield running


def test_it_says_the_version_that_its_folder_is_named_by(
    server: RunningServer, server_bundle: Path
) -> None:
    assert server.command("--version").stdout == f"passmuster-server {__version__}\n"
    assert server_bundle.name == f"passmuster-server-{__version__}"


def test_it_comes_with_all_it_needs_and_nothing_of_the_agents_libraries(
    installed_server: Path,
) -> None:
    python = str(installed_server / "bin" / "python")
    subprocess.run([python, "-m", "pip", "check"], check=True, timeout=120)
    told = subprocess.check_output([python, "-m", "pip", "list", "--format=json"], text=True)
    names = {each["name"].lower() for each in json.loads(told)}
    assert {"passmuster", "starlette", "uvicorn"} <= names
    assert not names & {"keyring", "pyusb", "requests", "pytest", "pyinstaller"}


def test_what_was_exchanged_on_the_way_is_not_installed(
    server_bundle: Path, installed_server: Path, tmp_path: Path
) -> None:
    (built,) = server_bundle.glob("*.whl")
    with (tmp_path / built.name).open("wb") as exchanged:
        exchanged.write(built.read_bytes() + b"\0")
    required = (server_bundle / "requirements.txt").read_text(encoding="utf-8").splitlines()[0]
    (tmp_path / "requirements.txt").write_text(required)
    tried = subprocess.run(
        [
            *(str(installed_server / "bin" / "python"), "-m", "pip", "install", "--no-deps"),
            *("--require-hashes", "--target", str(tmp_path / "out"), "-r", "requirements.txt"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert tried.returncode != 0
    assert "DO NOT MATCH THE HASHES" in tried.stderr


def test_every_requirement_has_a_hash_and_none_an_address(server_bundle: Path) -> None:
    text = (server_bundle / "requirements.txt").read_text(encoding="utf-8")
    entries = re.split(r"\n(?=[\w./])", text.strip())
    assert len(entries) > 10
    assert [each for each in entries if "--hash=sha256:" not in each] == []
    assert "://" not in text


def test_it_serves_its_pages_with_all_that_belongs_to_them(server: RunningServer) -> None:
    with server.client() as client:
        page = client.get(server.sign_in_link(), follow_redirects=True)
        assert page.status_code == 200
        found = re.findall(r'(?:href|src)="(/assets/[^"]+)"', page.text)
        assert len(found) >= 3, "expected a style sheet, an icon and a script at least"
        for path in found:
            assert client.get(path).status_code == 200, path


def test_the_frozen_agent_enrols_with_it_and_reports(
    server: RunningServer, frozen: tuple[str, ...], tmp_path: Path
) -> None:
    state = str(tmp_path / "agent")
    enrol = ("enroll", "--state", state, "--server", server.url, "--tier", "file")
    agent_command(*enrol, code=server.enroll_code(), program=frozen)
    told = agent_command("once", "--json", "--state", state, program=frozen, check=False)
    assert json.loads(told.stdout)["verdict"], told.stderr
    stored = {signal for (signal,) in server.rows("SELECT signal FROM readings")}
    assert stored == {each.id for each in CATALOG}


def test_packing_again_makes_the_same_wheel_and_the_same_tarball(
    server_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    build("build_server.py", "--out", str(tmp_path))
    name = f"{server_bundle.name}.tar.gz"
    assert (tmp_path / name).read_bytes() == (server_bundle.parent / name).read_bytes()


def test_the_tarball_holds_the_folder_as_roots(server_bundle: Path) -> None:
    with tarfile.open(server_bundle.parent / f"{server_bundle.name}.tar.gz") as archive:
        members = archive.getmembers()
    on_disk = {str(each.relative_to(server_bundle.parent)) for each in server_bundle.rglob("*")}
    assert {each.name for each in members} == on_disk | {server_bundle.name}
    assert {(each.uid, each.gid) for each in members} == {(0, 0)}
    assert [each.name for each in members if each.mode & 0o022] == [], "others may write"
