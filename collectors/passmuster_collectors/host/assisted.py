"""A machine that asks the root helper where it may not look itself.

Every question is put to the machine first. Only what that refuses as `denied`, and only what
`host.privileged` knows of, is asked of the helper; what it does not tell either stays denied.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.host.answers import (
    Account,
    Completed,
    FileStatus,
    NetworkInterface,
    Process,
    UsbDescription,
    WirelessState,
)
from passmuster_collectors.host.base import (
    Bus,
    Host,
    SourceConflictError,
    SourceDeniedError,
    SourceError,
    SourceMissingError,
)
from passmuster_collectors.host.commands import Program
from passmuster_collectors.host.no_windows import NoWindows
from passmuster_collectors.host.privileged import crypttab, firewall, wifi
from passmuster_collectors.host.privileged.verbs import Answers, Verb, question

ROOT_PROGRAMS: Mapping[Program, Verb] = {
    Program.DMSETUP: Verb.DEVICE_MAPPER,
    Program.CRYPTSETUP: Verb.DEVICE_MAPPER,
    **dict.fromkeys(firewall.COMMANDS, Verb.FIREWALL),
}
"""Programs that answer nobody but root, which they tell by their exit status."""

FRESH_S = 2.0
"""How long the helper's answers stand for one reading, in seconds."""


class TellsForRoot(Protocol):
    """Who is asked: `host.privileged.client`, or its answers in a test."""

    def answers(self, verb: Verb) -> Answers:
        """Return the answers behind a word. Raises `SourceError`."""


def _verb_of_file(path: str) -> Verb | None:
    """Return the word behind which the helper tells of a file, None where it does not."""
    if path.startswith(wifi.IWD_NETWORKS):
        return Verb.WIFI
    if path in firewall.TABLES:
        return Verb.FIREWALL
    return Verb.CRYPTTAB if path == crypttab.PATH else None


class AssistedHost(NoWindows):
    """`own` with a helper at its side. Safe to use from threads.

    The helper is asked once for all questions of a reading. Readings do not share answers: each
    thread has its own, so that what is read after an event is never from before it.
    """

    def __init__(self, own: Host, helper: TellsForRoot) -> None:
        self._own = own
        self._helper = helper
        self._of_thread = threading.local()

    @property
    def platform(self) -> Platform:
        """The operating system."""
        return self._own.platform

    @property
    def uid(self) -> int:
        """The numeric user this process runs as."""
        return self._own.uid

    def now(self) -> datetime:
        """Return the wall clock in UTC."""
        return self._own.now()

    def read_file(self, path: str, *, limit: int = 1_048_576) -> bytes:
        """Return the whole file; `conflict` when it is larger than `limit` bytes."""
        try:
            return self._own.read_file(path, limit=limit)
        except SourceDeniedError as denied:
            verb = _verb_of_file(path)
            if verb is None:
                raise
            told = self._told(denied, verb, question("read_file", path))
        if len(told) > limit:
            raise SourceConflictError(path, f"larger than {limit} bytes")
        return bytes(told)

    def list_directory(self, path: str) -> tuple[str, ...]:
        """Return the names in a directory, sorted."""
        return self._own.list_directory(path)

    def resolve(self, path: str) -> str:
        """Return the absolute path behind every symbolic link."""
        return self._own.resolve(path)

    def file_status(self, path: str) -> FileStatus:
        """Return what `stat` says of the path, symbolic links followed."""
        try:
            return self._own.file_status(path)
        except SourceDeniedError as denied:
            if path.rpartition("/")[0] != crypttab.KEYS:
                raise
            asked, others = question("file_status", path), f"{crypttab.KEYS}/*"
            told = self._told(denied, Verb.CRYPTTAB, asked, question("file_status", others))
            major, minor, owner, mode, size = told
            return FileStatus((major, minor), owner, mode, size)

    def run(
        self,
        program: Program,
        *arguments: str,
        timeout_s: float = 5.0,
        user: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Completed:
        """Run a listed program; one that answers root alone is run by the helper if need be."""
        own: Completed | None = None
        refusal = SourceDeniedError(program.paths[0])
        try:
            own = self._own.run(
                program, *arguments, timeout_s=timeout_s, user=user, environment=environment
            )
            if program not in ROOT_PROGRAMS or own.status == 0:
                return own
        except SourceDeniedError as denied:
            if program not in ROOT_PROGRAMS:
                raise
            refusal = denied
        try:
            asked = question("run", program.name, *arguments)
            return Completed(*self._told(refusal, ROOT_PROGRAMS[program], asked))
        except SourceDeniedError:
            if own is None:
                raise
            return own

    def bus_get(self, bus: Bus, name: str, path: str, interface: str, member: str) -> Any:
        """Return one D-Bus property as plain Python (variants unwrapped)."""
        return self._bus(
            lambda: self._own.bus_get(bus, name, path, interface, member),
            *("bus_get", bus, name, path, interface, member),
        )

    def bus_get_all(self, bus: Bus, name: str, path: str, interface: str) -> Mapping[str, Any]:
        """Return every D-Bus property of an interface; of the helper's, those a reader needs."""
        found: Mapping[str, Any] = self._bus(
            lambda: self._own.bus_get_all(bus, name, path, interface),
            *("bus_get_all", bus, name, path, interface),
        )
        return found

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
        found: tuple[Any, ...] = self._bus(
            lambda: self._own.bus_call(bus, name, path, interface, member, signature, arguments),
            *("bus_call", bus, name, path, interface, member, *arguments),
        )
        return found

    def processes(self) -> tuple[Process, ...]:
        """Return the running processes."""
        try:
            return self._own.processes()
        except SourceDeniedError as denied:
            told = self._told(denied, Verb.PROCESSES, question("processes"))
            return tuple(Process(*each) for each in told)

    def process_environment(self, pid: int) -> Mapping[str, str]:
        """Return the environment a process started with; of the helper's, what a reader needs."""
        try:
            return self._own.process_environment(pid)
        except SourceDeniedError as denied:
            asked, others = (question("process_environment", each) for each in (pid, "*"))
            found: Mapping[str, str] = self._told(denied, Verb.ENVIRONMENTS, asked, others)
            return found

    def account(self, uid: int) -> Account:
        """Return the account with that number."""
        return self._own.account(uid)

    def testimony(self, uid: int, signal: str) -> Any:
        """Return what the companion in that user's session says now of a signal."""
        return self._own.testimony(uid, signal)

    def network_interfaces(self) -> tuple[NetworkInterface, ...]:
        """Return the network interfaces, sorted by name."""
        return self._own.network_interfaces()

    def is_encrypted_folder(self, path: str) -> bool:
        """Return whether the file system itself encrypts what is in a folder."""
        return self._own.is_encrypted_folder(path)

    def recall(self, name: str) -> Any:
        """Return what a reader kept under the name; None where nothing was."""
        return self._own.recall(name)

    def keep(self, name: str, value: Any) -> None:
        """Keep plain JSON under the name."""
        self._own.keep(name, value)

    def wireless_state(self, interface: str) -> WirelessState:
        """Return what the kernel's Wi-Fi layer says of an interface."""
        return self._own.wireless_state(interface)

    def outgoing_interface(self, address: str) -> str | None:
        """Return the interface that a packet to an IP address leaves by; None where none does."""
        return self._own.outgoing_interface(address)

    def usb_devices(self) -> tuple[UsbDescription, ...]:
        """Return the attached USB devices through the portable enumerator."""
        return self._own.usb_devices()

    def keyed_hash(self, kind: str, value: bytes) -> str:
        """Return the organisation's keyed hash of a value that must not leave the laptop."""
        return self._own.keyed_hash(kind, value)

    def _bus(self, ask: Callable[[], Any], method: str, bus: Bus, name: str, *asked: Any) -> Any:
        try:
            return ask()
        except SourceDeniedError as denied:
            if bus is not Bus.SYSTEM or name not in wifi.DAEMONS:
                raise
            exact = question(method, bus, name, *asked)
            return self._told(denied, Verb.WIFI, exact, question("bus", name))

    def _told(self, denied: SourceDeniedError, verb: Verb, *asked: str) -> Any:
        """Return the helper's answer to the first question of `asked` that it has one for.

        Raises `SourceError` under the name of the source that was denied.
        """
        answers = self._answers(verb)
        if isinstance(answers, SourceMissingError):
            detail = f"{denied.detail}; {answers.detail}".removeprefix("; ")
            raise SourceDeniedError(denied.name, detail)
        if isinstance(answers, SourceError):
            raise type(answers)(denied.name, answers.detail)
        answer = next((answers[each] for each in asked if each in answers), denied)
        if isinstance(answer, SourceError):
            raise type(answer)(denied.name, answer.detail)
        return answer

    def _answers(self, verb: Verb) -> Answers | SourceError:
        kept: dict[Verb, tuple[float, Answers | SourceError]]
        kept = self._of_thread.__dict__.setdefault("answers", {})
        if verb not in kept or time.monotonic() > kept[verb][0] + FRESH_S:
            try:
                told: Answers | SourceError = self._helper.answers(verb)
            except SourceError as error:
                told = error
            kept[verb] = (time.monotonic(), told)
        return kept[verb][1]
