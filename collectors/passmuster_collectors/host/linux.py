"""A Linux machine: files, programs, D-Bus, processes, network interfaces, USB.

Libraries are imported where they are first needed: the resident agent pays for what it reads.
"""

import hashlib
import hmac
import os
import pwd
import stat
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.host import child
from passmuster_collectors.host.base import (
    Account,
    Bus,
    Completed,
    FileStatus,
    NetworkInterface,
    Process,
    SourceConflictError,
    SourceDeniedError,
    SourceMissingError,
    UsbDescription,
)
from passmuster_collectors.host.commands import Program
from passmuster_collectors.host.system_errors import from_os_error

if TYPE_CHECKING:
    from passmuster_collectors.host.linux_bus import MessageBuses

assert sys.platform == "linux"  # noqa: S101 - the type checker reads it too

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
MAX_NAMES = 65_536
LEAST_KEY_BYTES = 16


class LinuxHost:
    """The machine this process runs on. `hash_key` is the organisation's, at least 16 bytes."""

    def __init__(self, hash_key: bytes) -> None:
        if len(hash_key) < LEAST_KEY_BYTES:
            raise ValueError(f"hash_key is shorter than {LEAST_KEY_BYTES} bytes")
        self._hash_key = hash_key
        self._opened_buses: MessageBuses | None = None

    @property
    def platform(self) -> Platform:
        """The operating system."""
        return Platform.LINUX

    @property
    def uid(self) -> int:
        """The numeric user this process runs as; 0 is root."""
        return os.geteuid()

    def now(self) -> datetime:
        """Return the wall clock in UTC."""
        return datetime.now(UTC)

    def read_file(self, path: str, *, limit: int = 1_048_576) -> bytes:
        """Return the whole file; `conflict` when it is larger than `limit` or no regular file."""
        try:
            # A pipe that someone put in a file's place must not hold the reader up.
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
            try:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise SourceConflictError(path, "not a regular file")
                # Files of /proc and /sys do not know their size: only reading tells.
                data = bytearray()
                while len(data) <= limit and (chunk := os.read(descriptor, limit + 1 - len(data))):
                    data += chunk
            finally:
                os.close(descriptor)
        except OSError as error:
            raise from_os_error(path, error) from None
        except ValueError:
            raise SourceConflictError(path, "not a path") from None
        if len(data) > limit:
            raise SourceConflictError(path, f"larger than {limit} bytes")
        return bytes(data)

    def list_directory(self, path: str) -> tuple[str, ...]:
        """Return the names in a directory, sorted; `conflict` when there are over 65,536."""
        try:
            with os.scandir(path) as entries:
                names = [entry.name for entry in islice(entries, MAX_NAMES + 1)]
        except OSError as error:
            raise from_os_error(path, error) from None
        except ValueError:
            raise SourceConflictError(path, "not a path") from None
        if len(names) > MAX_NAMES:
            raise SourceConflictError(path, f"more than {MAX_NAMES} names")
        return tuple(sorted(names))

    def resolve(self, path: str) -> str:
        """Return the absolute path behind every symbolic link; `missing` when it leads nowhere."""
        try:
            return os.path.realpath(path, strict=True)
        except OSError as error:
            raise from_os_error(path, error) from None
        except ValueError:
            raise SourceConflictError(path, "not a path") from None

    def file_status(self, path: str) -> FileStatus:
        """Return what `stat` says of the path, symbolic links followed."""
        try:
            found = Path(path).stat()
        except OSError as error:
            raise from_os_error(path, error) from None
        except ValueError:
            raise SourceConflictError(path, "not a path") from None
        device = (os.major(found.st_dev), os.minor(found.st_dev))
        return FileStatus(device, found.st_uid, found.st_mode, found.st_size)

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
            entry = _entry(user)
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
        import psutil  # noqa: PLC0415 - see the module's docstring

        found = tuple(
            Process(each.pid, each.info["uids"].real, each.info["name"] or "", tuple(arguments))
            for each in psutil.process_iter(["uids", "name", "cmdline"])
            if each.info["uids"] is not None
            for arguments in [each.info["cmdline"] or ()]
        )
        # Mounted with hidepid=, /proc shows strangers nothing, not even the first process.
        if not any(process.pid == 1 for process in found):
            raise SourceDeniedError("/proc", "other users' processes are hidden")
        return found

    def process_environment(self, pid: int) -> Mapping[str, str]:
        """Return the environment a process started with (`/proc/<pid>/environ`)."""
        entries = self.read_file(f"/proc/{pid}/environ").split(b"\0")
        pairs = (os.fsdecode(entry).partition("=") for entry in entries if b"=" in entry)
        return {name: value for name, _, value in pairs}

    def account(self, uid: int) -> Account:
        """Return the account with that number."""
        entry = _entry(uid)
        return Account(uid, entry.pw_name, entry.pw_dir)

    def network_interfaces(self) -> tuple[NetworkInterface, ...]:
        """Return the network interfaces, sorted by name."""
        from passmuster_collectors.host import network  # noqa: PLC0415 - see the module's docstring

        return network.interfaces(self.read_file)

    def usb_devices(self) -> tuple[UsbDescription, ...]:
        """Return the attached USB devices through libusb."""
        from passmuster_collectors.host import libusb  # noqa: PLC0415 - see the module's docstring

        return libusb.devices()

    def keyed_hash(self, kind: str, value: bytes) -> str:
        """Return the organisation's keyed hash of a value that must not leave the laptop."""
        message = kind.encode("ascii") + b"\0" + value
        return hmac.new(self._hash_key, message, hashlib.sha256).hexdigest()[:32]

    def _buses(self) -> "MessageBuses":
        if self._opened_buses is None:
            from passmuster_collectors.host.linux_bus import (  # noqa: PLC0415 - see the top
                MessageBuses,
            )

            self._opened_buses = MessageBuses()
        return self._opened_buses


def _entry(uid: int) -> "pwd.struct_passwd":
    try:
        return pwd.getpwuid(uid)
    except KeyError:
        raise SourceMissingError(f"account {uid}") from None
