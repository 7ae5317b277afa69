"""A Windows PC: files, programs, the registry and what its interfaces for programs tell.

What each interface needs lies in a file of its own; none of them runs a program or reads a text
that Windows translates.
"""

import ctypes
import os
import stat
import sys
from collections.abc import Mapping
from pathlib import Path

from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.host import (
    windows_devices,
    windows_network,
    windows_power,
    windows_programs,
    windows_sessions,
    windows_shell,
    windows_volumes,
    windows_wlan,
)
from passmuster_collectors.host.answers import (
    Account,
    Completed,
    FileStatus,
    NetworkInterface,
    Process,
)
from passmuster_collectors.host.base import (
    SourceConflictError,
    SourceDeniedError,
    SourceMissingError,
)
from passmuster_collectors.host.commands import Program
from passmuster_collectors.host.dll import BOOL, DWORD, POINTER, Function
from passmuster_collectors.host.files import Files
from passmuster_collectors.host.machine import Machine
from passmuster_collectors.host.no_bus import NoBus
from passmuster_collectors.host.system_errors import from_os_error
from passmuster_collectors.host.windows_answers import (
    Hive,
    NetworkAdapter,
    NetworkRoute,
    PowerCapabilities,
    PowerValue,
    PresentDevice,
    RegistryValue,
    StorageVolume,
    UserSession,
    WirelessAdapter,
)
from passmuster_collectors.host.windows_errors import functions

IS_ADMINISTRATOR = Function("shell32.dll", "IsUserAnAdmin", BOOL, ())
SESSION_OF = Function("kernel32.dll", "ProcessIdToSessionId", BOOL, (DWORD, POINTER))


class WindowsHost(NoBus, Files, Machine):
    """The machine this process runs on."""

    @property
    def platform(self) -> Platform:
        """The operating system."""
        return Platform.WINDOWS

    @property
    def uid(self) -> int:
        """0 where this process has an administrator's rights, else 1."""
        ask = functions("administrator", IS_ADMINISTRATOR)[IS_ADMINISTRATOR.name]
        return 0 if ask() else 1

    def read_file(self, path: str, *, limit: int = 1_048_576) -> bytes:
        """Return the whole file; `conflict` when it is larger than `limit` or no regular file."""
        try:
            if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - a path is a text here
                raise SourceConflictError(path, "not a regular file")
            with Path(path).open("rb") as opened:
                data = opened.read(limit + 1)
        except OSError as error:
            raise from_os_error(path, error) from None
        except ValueError:
            raise SourceConflictError(path, "not a path") from None
        if len(data) > limit:
            raise SourceConflictError(path, f"larger than {limit} bytes")
        return data

    def file_status(self, path: str) -> FileStatus:
        """Return what `stat` says of the path, symbolic links followed."""
        try:
            found = Path(path).stat()
        except OSError as error:
            raise from_os_error(path, error) from None
        except ValueError:
            raise SourceConflictError(path, "not a path") from None
        return FileStatus((0, found.st_dev), 0, found.st_mode, found.st_size)

    def run(
        self,
        program: Program,
        *arguments: str,
        timeout_s: float = 5.0,
        user: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Completed:
        """Run a listed program; `environment` can't change what Windows itself needs."""
        if user is not None:
            raise SourceDeniedError(program.paths[0], "nothing is run as somebody else")
        system = windows_programs.system_directory()
        merged = windows_programs.environment_for(system, environment or {})
        return windows_programs.run(program, system, arguments, merged, timeout_s)

    def processes(self) -> tuple[Process, ...]:
        """Return the running processes; the arguments of others' may be empty."""
        import psutil  # noqa: PLC0415 - loaded when it is first needed

        ask = functions("processes", SESSION_OF)[SESSION_OF.name]

        def session_of(pid: int) -> int:
            number = DWORD()
            # One that has ended since is no longer anybody's.
            return number.value if ask(pid, ctypes.byref(number)) else 0

        try:
            return tuple(
                Process(
                    each.pid,
                    session_of(each.pid),
                    each.info["name"] or "",
                    tuple(each.info["cmdline"] or ()),
                )
                for each in psutil.process_iter(["name", "cmdline"])
            )
        except OSError as error:
            raise from_os_error("processes", error) from None
        except psutil.Error:
            raise SourceConflictError("processes", "not told") from None

    def process_environment(self, pid: int) -> Mapping[str, str]:
        """Refuse: Windows shows a program's environment to debuggers alone."""
        raise SourceDeniedError(f"environment of process {pid}")

    def account(self, uid: int) -> Account:
        """Refuse: accounts of Windows have no numbers but security identifiers."""
        raise SourceMissingError(f"account {uid}")

    def network_interfaces(self) -> tuple[NetworkInterface, ...]:
        """Return the network interfaces, sorted by name."""
        return windows_network.interfaces(self.network_adapters(), self.network_routes())

    def registry_value(self, hive: Hive, key: str, name: str) -> RegistryValue:
        """Return a value from the 64-bit view."""
        if sys.platform == "win32":
            from passmuster_collectors.host import windows_registry  # noqa: PLC0415 - winreg

            return windows_registry.value(hive, key, name)
        raise SourceMissingError(f"{hive}\\{key}")

    def registry_keys(self, hive: Hive, key: str) -> tuple[str, ...]:
        """Return the names of a key's subkeys from the 64-bit view, sorted."""
        if sys.platform == "win32":
            from passmuster_collectors.host import windows_registry  # noqa: PLC0415 - winreg

            return windows_registry.keys(hive, key)
        raise SourceMissingError(f"{hive}\\{key}")

    def storage_volumes(self) -> tuple[StorageVolume, ...]:
        """Return every volume of this computer, mounted or not."""
        return windows_volumes.volumes()

    def shell_number(self, path: str, name: str) -> int:
        """Return a numeric property of a file or drive from the shell's property system."""
        return windows_shell.number(path, name)

    def wireless_connections(self) -> tuple[WirelessAdapter, ...]:
        """Return the Wi-Fi adapters and what each one negotiated."""
        return windows_wlan.adapters()

    def network_adapters(self) -> tuple[NetworkAdapter, ...]:
        """Return the network interfaces, filters left out."""
        return windows_network.adapters()

    def network_routes(self) -> tuple[NetworkRoute, ...]:
        """Return the routes of both protocols, those of interfaces that are connected."""
        return windows_network.routes()

    def present_devices(self) -> tuple[PresentDevice, ...]:
        """Return what is attached by USB now and all that was made of it."""
        return windows_devices.present()

    def user_sessions(self) -> tuple[UserSession, ...]:
        """Return the sessions that somebody is logged in to, connected or not."""
        return windows_sessions.sessions()

    def power_setting(self, subgroup: str, setting: str) -> PowerValue:
        """Return a setting of the active power scheme, both named by GUID without braces."""
        return windows_power.setting(subgroup, setting)

    def power_capabilities(self) -> PowerCapabilities:
        """Return how this computer sleeps and whether it has a battery."""
        return windows_power.capabilities()
