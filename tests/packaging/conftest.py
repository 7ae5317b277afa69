"""Agent and server as IT installs them, built once for all tests that look at them."""

import ctypes
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.support.package_builds import build
from tests.support.tools import missing, require_tool


@pytest.fixture(scope="session")
def frozen_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that holds the frozen agent."""
    for tool in ("objdump", "strip", "patchelf"):
        require_tool(tool)
    library = str(sysconfig.get_config_var("INSTSONAME"))
    try:
        ctypes.CDLL(str(Path(sysconfig.get_config_var("LIBDIR")) / library))
    except OSError:
        missing(f"this Python has no shared library ({library}) to freeze")
    out = tmp_path_factory.mktemp("frozen")
    print(build("build_agent.py", "--out", str(out)))
    return out / "passmuster-agent"


@pytest.fixture(scope="session")
def frozen(frozen_folder: Path) -> tuple[str, ...]:
    """Return the command line of the frozen agent."""
    return (str(frozen_folder / "passmuster-agent"),)


@pytest.fixture(scope="session")
def deb(frozen_folder: Path) -> Path:
    """Return the Debian package of this version."""
    require_tool("dpkg-deb")
    return _package(frozen_folder)


@pytest.fixture(scope="session")
def older_deb(frozen_folder: Path) -> Path:
    """Return a Debian package of a lower version; what is in it is the same."""
    require_tool("dpkg-deb")
    return _package(frozen_folder, "--version", "0.0.1")


@pytest.fixture(scope="session")
def rpm(frozen_folder: Path) -> Path:
    """Return the RPM of this version."""
    require_tool("rpmbuild")
    return _package(frozen_folder, script="build_rpm.py", kind="*.rpm")


@pytest.fixture(scope="session")
def older_rpm(frozen_folder: Path) -> Path:
    """Return an RPM of a lower version; what is in it is the same."""
    require_tool("rpmbuild")
    return _package(frozen_folder, "--version", "0.0.1", script="build_rpm.py", kind="*.rpm")


@pytest.fixture(scope="session")
def agent_tarball(frozen_folder: Path) -> Path:
    """Return the tarball of this version."""
    return _package(frozen_folder, script="build_tarball.py", kind="*.tar.gz")


def _package(
    frozen_folder: Path, *arguments: str, script: str = "build_deb.py", kind: str = "*.deb"
) -> Path:
    out = frozen_folder.parent
    before = set(out.glob(kind))
    print(build(script, "--agent", str(frozen_folder), "--out", str(out), *arguments))
    (made,) = set(out.glob(kind)) - before
    return made


@pytest.fixture(scope="session")
def server_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that a server is installed from."""
    out = tmp_path_factory.mktemp("server-bundle")
    print(build("build_server.py", "--out", str(out)))
    (folder,) = (each for each in out.iterdir() if each.is_dir())
    return folder


@pytest.fixture(scope="session")
def installed_server(server_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a fresh environment with the server, installed as docs/install-server.md says."""
    environment = tmp_path_factory.mktemp("installed") / "passmuster"
    pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-compile"]
    for command in (
        [sys.executable, "-m", "venv", str(environment)],
        [*pip, "--no-deps", "--require-hashes", "-r", "requirements.txt"],
    ):
        done = subprocess.run(
            command, cwd=server_bundle, capture_output=True, text=True, timeout=500, check=False
        )
        assert done.returncode == 0, done.stderr
    return environment
