"""A Mac: files, programs in a person's own session, processes, network interfaces, USB.

Everything here but the routes is POSIX, so it is tested on Linux too.
"""

import os
import sys
from collections.abc import Mapping, Sequence

from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.host import child, posix
from passmuster_collectors.host.answers import Completed, NetworkInterface, Process
from passmuster_collectors.host.base import SourceDeniedError, SourceMissingError
from passmuster_collectors.host.commands import Program
from passmuster_collectors.host.no_bus import NoBus
from passmuster_collectors.host.no_windows import NoWindows

assert sys.platform != "win32"  # noqa: S101 - the type checker reads it too

PATH = "/usr/bin:/bin:/usr/sbin:/sbin"


class MacHost(NoBus, NoWindows, posix.PosixHost):
    """The machine this process runs on."""

    @property
    def platform(self) -> Platform:
        """The operating system."""
        return Platform.MACOS

    def run(
        self,
        program: Program,
        *arguments: str,
        timeout_s: float = 5.0,
        user: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Completed:
        """Run a listed program; `environment` can't change `LC_ALL` and `PATH`.

        As another user it runs inside that user's login session, where alone the settings of the
        session can be read; `environment` does not reach it there.
        """
        personal: dict[str, str] = {}
        if user is not None:
            entry = posix.account_entry(user)
            personal = {"HOME": entry.pw_dir, "USER": entry.pw_name, "LOGNAME": entry.pw_name}
        merged = {**personal, **(environment or {}), "LC_ALL": "C", "PATH": PATH}
        if user is None or user == self.uid:
            return child.run(program, arguments, merged, {}, timeout_s)
        if self.uid != 0:
            raise SourceDeniedError(program.paths[0], "only root may run it as another user")
        line = in_session_of(user, program, arguments)
        return child.run(Program.LAUNCHCTL, line, merged, {}, timeout_s)

    def processes(self) -> tuple[Process, ...]:
        """Return the running processes; the arguments of others' are empty unless this is root."""
        import psutil  # noqa: PLC0415 - loaded when it is first needed

        return tuple(
            Process(each.pid, each.info["uids"].real, each.info["name"] or "", tuple(arguments))
            for each in psutil.process_iter(["uids", "name", "cmdline"])
            if each.info["uids"] is not None
            for arguments in [each.info["cmdline"] or ()]
        )

    def process_environment(self, pid: int) -> Mapping[str, str]:
        """Refuse: since macOS 10.11 the kernel shows nobody another program's environment."""
        raise SourceDeniedError(f"environment of process {pid}")

    def network_interfaces(self) -> tuple[NetworkInterface, ...]:
        """Return the network interfaces, sorted by name."""
        from passmuster_collectors.host import macos_routes  # noqa: PLC0415 - as above

        return macos_routes.interfaces()


def in_session_of(user: int, program: Program, arguments: Sequence[str]) -> tuple[str, ...]:
    """Return launchctl's arguments that run `program` as `user` inside that user's login session.

    `asuser` (launchctl(1)) enters the session but stays root, so sudo(8) changes the user there.
    Raises `SourceMissingError` where the program does not exist: sudo would say so in words only.
    """
    path = next((each for each in program.paths if os.access(each, os.X_OK)), None)
    if path is None:
        raise SourceMissingError(program.paths[0])
    sudo = (Program.SUDO.paths[0], "-n", "-H", "-u", f"#{user}", "--")
    return ("asuser", str(user), *sudo, path, *arguments)
