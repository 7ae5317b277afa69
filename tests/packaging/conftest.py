"""Agent and server as IT installs them, built once for all tests that look at them.

`make packages` has them look at what it built, in the folder that `PASSMUSTER_TEST_PACKAGES` names.
"""

import ctypes
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from passmuster_collectors import __version__
from tests.support.package_builds import build
from tests.support.tools import missing, require_tool

BUILT = os.environ.get("PASSMUSTER_TEST_PACKAGES", "")


@pytest.fixture(scope="session")
def frozen_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that holds the frozen agent."""
    if BUILT:
        return Path(BUILT) / "passmuster-agent"
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
    return _package(frozen_folder, "build_deb.py", f"*_{__version__}_*.deb")


@pytest.fixture(scope="session")
def older_deb(frozen_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a Debian package of a lower version; what is in it is the same."""
    require_tool("dpkg-deb")
    return _older(frozen_folder, "build_deb.py", tmp_path_factory.mktemp("older-deb"))


@pytest.fixture(scope="session")
def rpm(frozen_folder: Path) -> Path:
    """Return the RPM of this version."""
    require_tool("rpmbuild")
    return _package(frozen_folder, "build_rpm.py", f"*-{__version__}-*.rpm")


@pytest.fixture(scope="session")
def older_rpm(frozen_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an RPM of a lower version; what is in it is the same."""
    require_tool("rpmbuild")
    return _older(frozen_folder, "build_rpm.py", tmp_path_factory.mktemp("older-rpm"))


@pytest.fixture(scope="session")
def agent_tarball(frozen_folder: Path) -> Path:
    """Return the tarball of this version."""
    return _package(frozen_folder, "build_tarball.py", f"passmuster-agent-{__version__}-*.tar.gz")


def _package(frozen_folder: Path, script: str, name: str) -> Path:
    out = frozen_folder.parent
    if not BUILT:
        print(build(script, "--agent", str(frozen_folder), "--out", str(out)))
    (made,) = out.glob(name)
    return made


def _older(frozen_folder: Path, script: str, out: Path) -> Path:
    build(script, "--agent", str(frozen_folder), "--out", str(out), "--version", "0.0.1")
    (made,) = out.iterdir()
    return made


@pytest.fixture(scope="session")
def server_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that a server is installed from."""
    if BUILT:
        return Path(BUILT) / f"passmuster-server-{__version__}"
    out = tmp_path_factory.mktemp("server-bundle")
    print(build("build_server.py", "--out", str(out)))
    return out / f"passmuster-server-{__version__}"


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
