"""A real systemd as the first process of namespaces of its own, over a copy-on-write root.

It sees this machine's files, or those of another folder, and writes to memory only. The network is
this machine's, so that a server on loopback can be reached, and so are the processes that the
agent's services see: without the kernel's own among them it takes this for a container. There is no
journal and no D-Bus in it.
"""

import contextlib
import os
import shlex
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.support.tools import REPOSITORY, missing, require_tool

SYSTEMD = Path("/lib/systemd/systemd")
UNITS = REPOSITORY / "packaging" / "systemd"
PATIENCE_S = 60.0

START = """
set -eu
box={box}
mount --make-rprivate /
mount -t tmpfs none "$box"
mkdir "$box/upper" "$box/work" "$box/root"
mount -t overlay overlay -o "lowerdir={lower},upperdir=$box/upper,workdir=$box/work" "$box/root"
root="$box/root"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 none "$root/run"
mount -t tmpfs -o mode=1777 none "$root/tmp"
mount -t tmpfs -o mode=755 none "$root/dev"
mkdir -p "$root/dev/shm" "$root/dev/mapper"
mount -t tmpfs none "$root/dev/shm"
for each in null:3 zero:5 full:7 random:8 urandom:9; do
    mknod -m 666 "$root/dev/${{each%:*}}" c 1 "${{each#*:}}"
done
if [ -e /dev/mapper/control ]; then
    mknod -m 600 "$root/dev/mapper/control" c 10 "$((0x$(stat -c %T /dev/mapper/control)))"
fi
mkdir -p "$root/run/box" "$root/run/proc"
mount --rbind /proc "$root/run/proc"
mount --bind {shared} "$root/run/box"
{install}
printf '[Unit]\\nDefaultDependencies=no\\n' > "$root/etc/systemd/system/box.target"
for each in passmuster-agent passmuster-agent-helper passmuster-agent-firewall; do
    mkdir "$root/etc/systemd/system/$each.service.d"
    # Nobody may make devices in namespaces like these, which is how systemd makes private ones.
    printf '[Service]\\nStandardError=append:/run/box/%s.log\\n%s\\n%s\\n' "$each" \\
        BindReadOnlyPaths=/run/proc:/proc \\
        PrivateDevices=no > "$root/etc/systemd/system/$each.service.d/box.conf"
done
mkdir "$root/old"
cd "$root"
pivot_root . old
umount -l /old
exec env -i container=box PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
    /lib/systemd/systemd --system --unit=box.target --log-target=null --show-status=0
"""


FROM_SOURCE = """
mkdir -p "$root/opt/passmuster"
for each in agent collectors; do
    mkdir "$root/opt/passmuster/$each"
    mount --bind {repository}/$each "$root/opt/passmuster/$each"
done
mkdir "$root/opt/passmuster/libraries" "$root/opt/passmuster/python"
mount --bind {libraries} "$root/opt/passmuster/libraries"
mount --bind {python} "$root/opt/passmuster/python"
cat > "$root/usr/bin/passmuster-agent" <<'END'
#!/bin/sh
export PYTHONPATH=/opt/passmuster/agent:/opt/passmuster/collectors:/opt/passmuster/libraries
exec /opt/passmuster/python/bin/{program} -m passmuster_agent.cli "$@"
END
chmod 755 "$root/usr/bin/passmuster-agent"
cp {units}/*.service {units}/*.socket "$root/etc/systemd/system/"
systemd-sysusers --root="$root" {units}/sysusers.d/passmuster-agent.conf
systemd-tmpfiles --root="$root" --create {units}/tmpfiles.d/passmuster-agent.conf
"""

NOTHING = """
# Whatever this machine forbids its own packages, those in the box may start what they install.
rm -f "$root/usr/sbin/policy-rc.d"
"""


class SystemdBox:
    """A running systemd; `shared` is a folder of this machine's that is `/run/box` inside.

    `root` is where this machine sees the box's own files, sockets among them.
    """

    def __init__(self, pid: int, shared: Path) -> None:
        self._enter = [str(require_tool("nsenter")), "-t", str(pid), "-m", "-p", "-u", "-i", "-C"]
        self.root = Path(f"/proc/{pid}/root")
        self.shared = shared

    def run(
        self, *command: str, check: bool = True, text: str = ""
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command inside."""
        done = subprocess.run(
            [*self._enter, *command],
            input=text,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        )
        assert done.returncode == 0 or not check, f"{command}: {done.stdout}{done.stderr}"
        return done

    def as_service(
        self, *command: str, text: str = "", check: bool = True
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command inside as the agent's user."""
        user = ("--reuid=passmuster-agent", "--regid=passmuster-agent", "--init-groups")
        return self.run("setpriv", *user, *command, text=text, check=check)

    def property(self, unit: str, name: str) -> str:
        """Return one of systemd's properties of a unit."""
        return self.run("systemctl", "show", "-P", name, unit).stdout.strip()

    def log(self, unit: str) -> str:
        """Return what a service wrote to its standard error."""
        path = self.shared / f"{unit}.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def wait_for(self, happened: Callable[[], bool]) -> bool:
        """Wait until it has happened; say whether it did."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if happened():
                return True
            time.sleep(0.1)
        return False


@contextlib.contextmanager
def systemd_box(
    folder: Path, install: str = FROM_SOURCE, lower: Path = Path("/")
) -> Iterator[SystemdBox]:
    """Start one, and end it with all that it has started; skip (in CI: fail) where it can't.

    `install` puts the agent there: from the sources, or `NOTHING` where a test does it. `lower`
    holds the system that is started.
    """
    if os.geteuid() != 0:
        missing("only root can start another systemd")
    if not (lower / SYSTEMD.relative_to("/")).exists():
        missing("systemd is not installed; .ci/packages.txt lists its package")
    box, shared = folder / "box", folder / "shared"
    box.mkdir()
    shared.mkdir()
    shared.chmod(0o777)
    installing = install.format(
        repository=shlex.quote(str(REPOSITORY)),
        units=shlex.quote(str(UNITS)),
        libraries=shlex.quote(sysconfig.get_path("purelib")),
        # A newcomer's Python may lie in a home directory, which no service may look into.
        python=shlex.quote(sys.base_prefix),
        program=f"python{sys.version_info.major}.{sys.version_info.minor}",
    )
    script = START.format(
        box=shlex.quote(str(box)),
        shared=shlex.quote(str(shared)),
        lower=shlex.quote(str(lower)),
        install=installing,
    )
    namespaces = ("--mount", "--pid", "--fork", "--kill-child", "--uts", "--ipc", "--cgroup")
    started = folder / "start.log"
    with (
        started.open("wb") as log,
        subprocess.Popen(
            [str(require_tool("unshare")), *namespaces, "/bin/sh", "-c", script],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
        ) as process,
    ):
        try:
            yield SystemdBox(_first_process(process, started), shared)
        finally:
            process.kill()


def python() -> tuple[str, ...]:
    """Return the command line of a Python that has the product, for inside."""
    folders = ":".join(f"/opt/passmuster/{each}" for each in ("agent", "collectors", "libraries"))
    program = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return ("env", f"PYTHONPATH={folders}", f"/opt/passmuster/python/bin/{program}")


def _first_process(process: "subprocess.Popen[bytes]", log: Path) -> int:
    """Return the number, on this machine, of the box's first process once it is systemd."""
    deadline = time.monotonic() + PATIENCE_S
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError, ValueError):
            pid = int(children.read_text())
            private = Path(f"/proc/{pid}/root/run/systemd/private")
            if Path(f"/proc/{pid}/comm").read_text() == "systemd\n" and private.exists():
                return pid
        time.sleep(0.05)
    return missing(f"another systemd can't be started here: {log.read_text().strip()[-200:]}")
