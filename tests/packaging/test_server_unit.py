"""The server's unit as systemd takes it, and the installed server inside it."""

import re
import shlex
import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.certificates import Authority
from tests.support.running_server import free_port
from tests.support.systemd_box import SystemdBox, systemd_box
from tests.support.tools import REPOSITORY, require_tool

pytestmark = pytest.mark.timeout(600)

UNITS = REPOSITORY / "packaging" / "server" / "systemd"
UNIT = "passmuster-server.service"
DROP_INS = UNITS / f"{UNIT}.d"
MOST_EXPOSED = 1.2
"""By `systemd-analyze security`, where 10 is unconfined. The server needs the network."""

INSTALL = """
mkdir -p "$root/opt/passmuster/bin" "$root/opt/passmuster/libraries" "$root/opt/passmuster/python"
mount --bind {packages} "$root/opt/passmuster/libraries"
mount --bind {{python}} "$root/opt/passmuster/python"
cat > "$root/opt/passmuster/bin/passmuster-server" <<'END'
#!/bin/sh
export LD_LIBRARY_PATH=/opt/passmuster/python/lib PYTHONPATH=/opt/passmuster/libraries
exec /opt/passmuster/python/bin/{{program}} \\
    -m passmuster_server.cli "$@"
END
chmod 755 "$root/opt/passmuster/bin/passmuster-server"
cp -r {units}/. "$root/etc/systemd/system/"
# Two of its walls can't be built inside the box's own: its /dev is a plain folder, and its /proc is
# this machine's.
cat > "$root/etc/systemd/system/{unit}.d/box.conf" <<'END'
[Service]
StandardError=append:/run/box/server.log
PrivateDevices=no
PrivateUsers=no
BindReadOnlyPaths=/run/proc:/proc
END
systemd-sysusers --root="$root" "$root/etc/systemd/system/sysusers.d/passmuster-server.conf"
mkdir "$root/etc/passmuster"
cp -r {settings}/. "$root/etc/passmuster/"
"""

Box = tuple[SystemdBox, str]


def analyze(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [require_tool("systemd-analyze"), "--no-pager", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def copied(folder: Path, *drop_ins: str) -> Path:
    """Copy the unit with some of its drop-ins, so that programs that are not there don't matter."""
    (folder / f"{UNIT}.d").mkdir(parents=True)
    names = (UNIT, *(f"{UNIT}.d/{each}" for each in drop_ins))
    for name in names:
        text = (UNITS / name).read_text(encoding="utf-8")
        (folder / name).write_text(
            text.replace("/opt/passmuster/bin/passmuster-server", "/bin/true")
        )
    return folder / UNIT


def test_systemd_finds_nothing_wrong_with_it_and_its_drop_ins(tmp_path: Path) -> None:
    unit = copied(tmp_path, *(each.name for each in DROP_INS.iterdir()))
    found = analyze("verify", str(unit))
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def test_it_is_hardly_exposed() -> None:
    found = analyze("security", "--offline=true", str(UNITS / UNIT))
    told = re.search(r"Overall exposure level for \S+: (\d+\.\d)", found.stdout)
    assert told is not None, found.stderr
    assert float(told[1]) <= MOST_EXPOSED, found.stdout


def ready(url: str, trust: ssl.SSLContext | bool = True) -> Callable[[], bool]:
    def ask() -> bool:
        try:
            return httpx.get(f"{url}/readyz", verify=trust, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    return ask


@pytest.fixture
def start(tmp_path: Path, installed_server: Path) -> Iterator[Callable[..., SystemdBox]]:
    """Return what starts a systemd with the server's unit, these drop-ins and these settings."""
    (packages,) = installed_server.glob("lib/python3*/site-packages")
    running = []

    def started(units: Path, settings: Path) -> SystemdBox:
        install = INSTALL.format(
            packages=shlex.quote(str(packages)),
            units=shlex.quote(str(units)),
            unit=UNIT,
            settings=shlex.quote(str(settings)),
        )
        opened = systemd_box(tmp_path, install)
        running.append(opened)
        return opened.__enter__()

    yield started
    for each in running:
        each.__exit__(None, None, None)


def written(folder: Path, listen: str) -> Path:
    """Copy the example of the settings, with another address."""
    settings = folder / "settings"
    (settings / "tls").mkdir(parents=True)
    example = (REPOSITORY / "packaging" / "server" / "server.toml").read_text(encoding="utf-8")
    (settings / "server.toml").write_text(f'{example}\nlisten = "{listen}"\n', encoding="utf-8")
    return settings


def test_it_migrates_serves_and_stops_and_its_data_is_its_users_alone(
    tmp_path: Path, start: Callable[..., SystemdBox]
) -> None:
    port, units = free_port(), tmp_path / "units"
    shutil.copytree(UNITS, units)
    shutil.rmtree(units / DROP_INS.name)
    (units / DROP_INS.name).mkdir()
    box = start(units, written(tmp_path, f"127.0.0.1:{port}"))
    box.run("systemctl", "start", UNIT)
    assert box.wait_for(ready(f"http://127.0.0.1:{port}")), box.log("server")
    owner = box.run(
        "stat", "-c", "%U %a", "/var/lib/passmuster", "/var/lib/passmuster/passmuster.db"
    )
    assert owner.stdout.splitlines() == ["passmuster 700", "passmuster 600"]
    box.run("systemctl", "stop", UNIT)
    assert box.property(UNIT, "Result") == "success", box.log("server")


def test_with_tls_of_its_own_the_key_stays_roots(
    tmp_path: Path, start: Callable[..., SystemdBox]
) -> None:
    port, units, authority = free_port(), tmp_path / "units", Authority(tmp_path)
    shutil.copytree(UNITS, units)
    (units / DROP_INS.name / "postgresql-password.conf").unlink()
    drop_in = units / DROP_INS.name / "tls.conf"
    text = drop_in.read_text(encoding="utf-8")
    assert text.count("0.0.0.0:8463") == 1
    drop_in.write_text(text.replace("0.0.0.0:8463", f"127.0.0.1:{port}"))
    settings = written(tmp_path, f"127.0.0.1:{port}")
    certificate, key = authority.issue()
    shutil.copyfile(certificate, settings / "tls" / "chain.pem")
    shutil.copyfile(key, settings / "tls" / "key.pem")
    box = start(units, settings)
    # As systemd itself does where it takes itself for the machine's first process: what it mounts
    # for a service's credentials is seen by the service.
    box.run("mount", "--make-rshared", "/")
    box.run("chmod", "-R", "go=", "/etc/passmuster/tls")
    box.run("systemctl", "start", UNIT)
    trust = ssl.create_default_context(cafile=authority.certificate)
    assert box.wait_for(ready(f"https://127.0.0.1:{port}", trust)), box.log("server")
    as_user = ("setpriv", "--reuid=passmuster", "--regid=passmuster", "--init-groups")
    assert box.run(*as_user, "cat", "/etc/passmuster/tls/key.pem", check=False).returncode != 0
