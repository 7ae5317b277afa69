"""A Linux machine: files, programs, D-Bus, processes, network interfaces, USB.

Libraries are imported where they are first needed: the resident agent pays for what it reads.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.host import child, linux_processes, posix
from passmuster_collectors.host.answers import Completed, NetworkInterface, Process, WirelessState
from passmuster_collectors.host.base import Bus, Notebook, Testimonies
from passmuster_collectors.host.commands import Program
from passmuster_collectors.host.no_windows import NoWindows

if TYPE_CHECKING:
    from passmuster_collectors.host.linux_bus import MessageBuses

assert sys.platform == "linux"  # noqa: S101 - the type checker reads it too

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


class LinuxHost(NoWindows, posix.PosixHost):
    """The machine this process runs on. `hash_key` is the organisation's, at least 16 bytes."""

    def __init__(
        self,
        hash_key: bytes,
        testimonies: Testimonies | None = None,
        notebook: Notebook | None = None,
    ) -> None:
        super().__init__(hash_key, testimonies, notebook)
        self._opened_buses: MessageBuses | None = None

    @property
    def platform(self) -> Platform:
        """The operating system."""
        return Platform.LINUX

    def run(
        self,
        program: Program,
        *arguments: str,
        timeout_s: float = 5.0,
        user: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Completed:
        """Run a listed program; `environment` can't change `LC_ALL` and `PATH`."""
        personal: dict[str, str] = {}
        identity: child.Identity = {}
        if user is not None:
            entry = posix.account_entry(user)
            personal = {
                "HOME": entry.pw_dir,
                "USER": entry.pw_name,
                "LOGNAME": entry.pw_name,
                "XDG_RUNTIME_DIR": f"/run/user/{user}",
                "DBUS_SESSION_BUS_ADDRESS": f"unix:path=/run/user/{user}/bus",
            }
            if user != self.uid:
                groups = os.getgrouplist(entry.pw_name, entry.pw_gid)
                identity = {"user": user, "group": entry.pw_gid, "extra_groups": groups}
        fixed = {"LC_ALL": "C", "PATH": PATH}
        merged = {**personal, **(environment or {}), **fixed}
        return child.run(program, arguments, merged, identity, timeout_s)

    def bus_get(self, bus: Bus, name: str, path: str, interface: str, member: str) -> Any:
        """Return one D-Bus property as plain Python (variants unwrapped)."""
        return self._buses().get(bus, name, path, interface, member)

    def bus_get_all(self, bus: Bus, name: str, path: str, interface: str) -> Mapping[str, Any]:
        """Return every D-Bus property of an interface as plain Python (variants unwrapped)."""
        return self._buses().get_all(bus, name, path, interface)

    def bus_call(
        self,
        bus: Bus,
        name: str,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        arguments: Sequence[Any] = (),
    ) -> tuple[Any, ...]:
        """Call a D-Bus method and return its results (variants unwrapped)."""
        return self._buses().call(bus, name, path, interface, member, signature, arguments)

    def processes(self) -> tuple[Process, ...]:
        """Return the running processes; `denied` where `/proc` hides those of others."""
        return linux_processes.running(self.list_directory("/proc"), self.read_file)

    def process_environment(self, pid: int) -> Mapping[str, str]:
        """Return the environment a process started with (`/proc/<pid>/environ`)."""
        entries = self.read_file(f"/proc/{pid}/environ").split(b"\0")
        pairs = (os.fsdecode(entry).partition("=") for entry in entries if b"=" in entry)
        return {name: value for name, _, value in pairs}

    def network_interfaces(self) -> tuple[NetworkInterface, ...]:
        """Return the network interfaces, sorted by name."""
        from passmuster_collectors.host import network  # noqa: PLC0415 - see the module's docstring

        return network.interfaces(self.read_file)

    def is_encrypted_folder(self, path: str) -> bool:
        """Return whether the folder has an fscrypt policy."""
        from passmuster_collectors.host import linux_fscrypt  # noqa: PLC0415 - as above

        return linux_fscrypt.is_encrypted(path)

    def wireless_state(self, interface: str) -> WirelessState:
        """Return what nl80211 says of an interface."""
        from passmuster_collectors.host import linux_wireless  # noqa: PLC0415 - as above

        return linux_wireless.state(interface)

    def outgoing_interface(self, address: str) -> str | None:
        """Return the interface that a packet to an IP address leaves by; None where none does."""
        from passmuster_collectors.host import linux_routes  # noqa: PLC0415 - as above

        return linux_routes.outgoing_interface(address)

    def _buses(self) -> "MessageBuses":
        if self._opened_buses is None:
            from passmuster_collectors.host.linux_bus import (  # noqa: PLC0415 - see the top
                MessageBuses,
            )

            self._opened_buses = MessageBuses()
        return self._opened_buses
