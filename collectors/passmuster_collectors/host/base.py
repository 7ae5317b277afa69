"""What a reader may ask of the machine it runs on, and the ways in which asking can fail.

Every method raises a `SourceError` and nothing else; its class is the outcome that goes on the
wire. A recorded machine implements the same protocol in the tests.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.reading import Source, SourceOutcome
from passmuster_collectors.host.answers import (
    Account,
    Completed,
    FileStatus,
    NetworkInterface,
    Process,
    UsbDescription,
    WirelessState,
)
from passmuster_collectors.host.commands import Program
from passmuster_collectors.host.windows_answers import WindowsQuestions


class SourceError(Exception):
    """A source gave no usable answer. `name` is the source, `detail` says why in a few words."""

    outcome: ClassVar[SourceOutcome]

    def __init__(self, name: str, detail: str = "") -> None:
        super().__init__(f"{name}: {self.outcome} {detail}".rstrip())
        self.name = name
        self.detail = detail

    def source(self) -> Source:
        """Return this failure as an entry of a reading's sources."""
        return Source(self.name, self.outcome, self.detail)


class SourceDeniedError(SourceError):
    """The source is there but this process may not read it."""

    outcome = SourceOutcome.DENIED


class SourceMissingError(SourceError):
    """The source does not exist on this machine: no such file, program, bus name or property."""

    outcome = SourceOutcome.MISSING


class SourceTimeoutError(SourceError):
    """The source did not answer in time."""

    outcome = SourceOutcome.TIMEOUT


class SourceConflictError(SourceError):
    """The source contradicts another one, or its own documented format."""

    outcome = SourceOutcome.CONFLICT


class Bus(StrEnum):
    """A D-Bus message bus. `SESSION` is the bus of the user this process runs as."""

    SYSTEM = "system"
    SESSION = "session"


COMPANION = "companion"
"""The source of what the companion in a user's session says."""


class Testimonies(Protocol):
    """Whoever can ask the companions in users' sessions."""

    def testimony(self, uid: int, signal: str) -> Any:
        """Return what that user's companion says now of a signal: plain JSON, unchecked.

        Raises `SourceError`: `missing` where none runs, `timeout` where it stays silent.
        """


class Notebook(Protocol):
    """Where a reader keeps what costs much to find out, from one process to the next."""

    def recall(self, name: str) -> Any:
        """Return what was kept under the name: plain JSON, unchecked; None where nothing was."""

    def keep(self, name: str, value: Any) -> None:
        """Keep plain JSON under the name; it may be lost."""


class Host(WindowsQuestions, Protocol):
    """One machine. What only one system can answer is `missing` on the others."""

    @property
    def platform(self) -> Platform:
        """The operating system."""

    @property
    def uid(self) -> int:
        """The numeric user this process runs as; 0 is root (Windows: 0 when elevated, else 1)."""

    def now(self) -> datetime:
        """Return the wall clock in UTC."""

    def read_file(self, path: str, *, limit: int = 1_048_576) -> bytes:
        """Return the whole file; `conflict` when it is larger than `limit` bytes."""

    def list_directory(self, path: str) -> tuple[str, ...]:
        """Return the names in a directory, sorted."""

    def resolve(self, path: str) -> str:
        """Return the absolute path behind every symbolic link; `missing` when it leads nowhere."""

    def file_status(self, path: str) -> FileStatus:
        """Return what `stat` says of the path, symbolic links followed."""

    def run(
        self,
        program: Program,
        *arguments: str,
        timeout_s: float = 5.0,
        user: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Completed:
        """Run a listed program by its absolute path, standard input closed, a fixed environment.

        `user` runs it as that user with that user's home and session bus; only root may. A
        `missing` program, a `timeout` and a `denied` start raise; the exit status does not.
        """

    def bus_get(self, bus: Bus, name: str, path: str, interface: str, member: str) -> Any:
        """Return one D-Bus property as plain Python (variants unwrapped)."""

    def bus_get_all(self, bus: Bus, name: str, path: str, interface: str) -> Mapping[str, Any]:
        """Return every D-Bus property of an interface as plain Python (variants unwrapped)."""

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

    def processes(self) -> tuple[Process, ...]:
        """Return the running processes."""

    def process_environment(self, pid: int) -> Mapping[str, str]:
        """Return the environment a process started with."""

    def account(self, uid: int) -> Account:
        """Return the account with that number."""

    def testimony(self, uid: int, signal: str) -> Any:
        """Return what the companion in that user's session says now of a signal.

        It is the worker's own word, plain JSON of the shape that the signal's room documents, and
        unchecked. `missing` where no companion runs.
        """
        raise SourceMissingError(COMPANION, f"none runs for user {uid}, so none tells {signal}")

    def recall(self, name: str) -> Any:  # noqa: ARG002 - this one keeps nothing
        """Return what a reader kept under the name, as `Notebook` does."""
        return None

    def keep(self, name: str, value: Any) -> None:
        """Keep plain JSON for a later reading, as `Notebook` does."""
        del name, value  # this one keeps nothing

    def network_interfaces(self) -> tuple[NetworkInterface, ...]:
        """Return the network interfaces, sorted by name."""

    def is_encrypted_folder(self, path: str) -> bool:
        """Return whether the file system itself encrypts what is in a folder."""

    def wireless_state(self, interface: str) -> WirelessState:
        """Return what the kernel's Wi-Fi layer says of an interface."""

    def outgoing_interface(self, address: str) -> str | None:
        """Return the interface that a packet to an IP address leaves by; None where none does.

        By the kernel's own lookup, routing rules included; nothing is sent. `missing` where the
        system has no such lookup, or not this protocol.
        """

    def usb_devices(self) -> tuple[UsbDescription, ...]:
        """Return the attached USB devices through the portable enumerator."""

    def keyed_hash(self, kind: str, value: bytes) -> str:
        """Return the organisation's keyed hash of a value that must not leave the laptop.

        HMAC-SHA-256 over `kind`, a NUL and `value`, cut to 32 hexadecimal digits; `kind` keeps a
        network's hash from ever equalling a serial's.
        """
