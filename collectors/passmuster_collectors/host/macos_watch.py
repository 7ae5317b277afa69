"""What changes on a Mac: routes at once, by the kernel's socket; the rest by looking every 5 s.

What is looked at is cheap: no program is started and no signal is read. Only where one of these
answers differs from the last one are the signals read that it stands for.
"""

import contextlib
import ctypes
import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from passmuster_collectors.host import clocks
from passmuster_collectors.host.events import MOUNT, ROUTE, SETTINGS, Events, Watch, Watches

assert sys.platform != "win32"  # noqa: S101 - the type checker reads it too

EVERY_S = 5.0
PF_ROUTE = 17
MAX_MESSAGES_A_LOOK = 4096
MESSAGE_BYTES = 4096

LOGIND = "org.freedesktop.login1"
"""What signals call the trigger for people who log in and out, whatever system tells of them."""

CONSOLE = Path("/dev/console")
PREFERENCES = (
    Path("/Library/Preferences"),
    Path("/Library/Managed Preferences"),
)
PERSONAL = ("Library/Preferences", "Library/Preferences/ByHost")
NAMES = (
    ".GlobalPreferences",
    "com.apple.PowerManagement",
    "com.apple.loginwindow",
    "com.apple.screensaver",
)
"""Programs write the other preferences all day long."""

MAX_FILES = 4096

IOKIT = "/System/Library/Frameworks/IOKit.framework/IOKit"
USB_CLASS = b"IOUSBHostDevice"
MAX_DEVICES = 4096

Look = Callable[[], object]


class RouteWatch:
    """The kernel's messages about addresses and routes (route(4)), which anybody may hear."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        with contextlib.suppress(OSError):
            self._socket = socket.socket(PF_ROUTE, socket.SOCK_RAW, 0)
            self._socket.setblocking(False)

    def descriptors(self) -> tuple[int, ...]:
        """Return the socket, where there is one."""
        return () if self._socket is None else (self._socket.fileno(),)

    def read(self) -> Events:
        """Return the trigger where a message arrived; which one it was does not matter."""
        heard = False
        if self._socket is not None:
            with contextlib.suppress(OSError):
                for _ in range(MAX_MESSAGES_A_LOOK):
                    heard = bool(self._socket.recv(MESSAGE_BYTES)) or heard
        return Events(frozenset({ROUTE} if heard else ()))

    def delivers(self, trigger: str) -> bool:
        """Whether it is the trigger for routes, and the socket could be opened."""
        return trigger == ROUTE and self._socket is not None

    def next_at(self) -> float:
        """Return never: messages make the socket readable."""
        return float("inf")

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()


class LookingWatch:
    """Looks at cheap answers every five seconds and tells the triggers of those that changed.

    An answer that can't be had (`OSError`) is an answer too: it changed when it can be had again.
    """

    def __init__(self, looks: Mapping[str, Look], now: Callable[[], float]) -> None:
        self._looks = dict(looks)
        self._now = now
        self._seen = {trigger: _answer(look) for trigger, look in self._looks.items()}
        self._next = now() + EVERY_S

    def descriptors(self) -> tuple[int, ...]:
        """Return nothing: there is only the time to look again."""
        return ()

    def read(self) -> Events:
        """Return what changed since the last look, where it is time for another one."""
        at = self._now()
        if at < self._next:
            return Events()
        self._next = at + EVERY_S
        found = {trigger: _answer(look) for trigger, look in self._looks.items()}
        changed = frozenset(name for name in found if found[name] != self._seen[name])
        self._seen = found
        return Events(changed)

    def delivers(self, trigger: str) -> bool:
        """Whether it is looked at."""
        return trigger in self._looks

    def next_at(self) -> float:
        """Return when it is time for the next look."""
        return self._next

    def close(self) -> None:
        """Do nothing: nothing is open."""


def macos_watch() -> Watch:
    """Open what a Mac has; what can't be had is polled."""
    looks: dict[str, Look] = {
        MOUNT: mounts,
        "block": mounts,
        LOGIND: console,
        SETTINGS: lambda: settings(PREFERENCES),
        "net": interfaces,
    }
    with contextlib.suppress(OSError, AttributeError):
        usb = UsbDevices(ctypes.CDLL(IOKIT))
        looks |= {"usb": usb.numbers, "hid": usb.numbers}
    return Watches(RouteWatch(), LookingWatch(looks, clocks.since_boot_s))


def mounts() -> object:
    """Return what is mounted where (getfsstat(2))."""
    import psutil  # noqa: PLC0415 - loaded when it is first needed

    return tuple((each.device, each.mountpoint) for each in psutil.disk_partitions(all=True))


def interfaces() -> object:
    """Return the network interfaces and whether each is up."""
    import psutil  # noqa: PLC0415 - as above

    return tuple(sorted((name, found.isup) for name, found in psutil.net_if_stats().items()))


def console() -> object:
    """Return to whom the console belongs and since when: whoever logs in is given it."""
    found = CONSOLE.stat()
    return found.st_uid, found.st_ctime_ns


def settings(folders: tuple[Path, ...]) -> object:
    """Return when each preferences file was changed, the person's at the console included.

    Preferences are never written in place, so a file that changed is another file.
    """
    with contextlib.suppress(KeyError, OSError):
        import pwd  # noqa: PLC0415 - Windows has none

        home = Path(pwd.getpwuid(CONSOLE.stat().st_uid).pw_dir)
        folders = (*folders, *(home / each for each in PERSONAL))
    return tuple(each for folder in folders for each in sorted(_files(folder)))


class UsbDevices:
    """The USB devices that are there, by IOKit (IOKit/IOKitLib.h)."""

    def __init__(self, iokit: ctypes.CDLL) -> None:
        self._iokit = iokit
        iokit.IOServiceMatching.restype = ctypes.c_void_p
        iokit.IOServiceMatching.argtypes = (ctypes.c_char_p,)
        iokit.IOServiceGetMatchingServices.restype = ctypes.c_int32
        iokit.IOServiceGetMatchingServices.argtypes = (
            ctypes.c_uint32,
            ctypes.c_void_p,
            ctypes.c_void_p,
        )
        iokit.IOIteratorNext.restype = ctypes.c_uint32
        iokit.IOIteratorNext.argtypes = (ctypes.c_uint32,)
        iokit.IORegistryEntryGetRegistryEntryID.restype = ctypes.c_int32
        iokit.IORegistryEntryGetRegistryEntryID.argtypes = (ctypes.c_uint32, ctypes.c_void_p)
        iokit.IOObjectRelease.restype = ctypes.c_int32
        iokit.IOObjectRelease.argtypes = (ctypes.c_uint32,)

    def numbers(self) -> frozenset[int]:
        """Return the registry's number of each device; one plugged in again has another one.

        Raises `OSError`.
        """
        iterator = ctypes.c_uint32()
        # The matching dictionary is consumed by the call.
        failed = self._iokit.IOServiceGetMatchingServices(
            0, self._iokit.IOServiceMatching(USB_CLASS), ctypes.byref(iterator)
        )
        if failed:
            raise OSError(0, f"IOServiceGetMatchingServices: {failed:#x}")
        found = set()
        try:
            for _ in range(MAX_DEVICES):
                device = self._iokit.IOIteratorNext(iterator)
                if not device:
                    break
                number = ctypes.c_uint64()
                if not self._iokit.IORegistryEntryGetRegistryEntryID(device, ctypes.byref(number)):
                    found.add(number.value)
                self._iokit.IOObjectRelease(device)
        finally:
            self._iokit.IOObjectRelease(iterator)
        return frozenset(found)


def _files(folder: Path) -> Iterator[tuple[str, int, int]]:
    try:
        with os.scandir(folder) as entries:
            for entry, _ in zip(entries, range(MAX_FILES), strict=False):
                if entry.name.startswith(NAMES):
                    found = entry.stat(follow_symlinks=False)
                    yield entry.path, found.st_mtime_ns, found.st_ino
    except OSError:
        return


def _answer(look: Look) -> object:
    try:
        return look()
    except OSError as error:
        return type(error).__name__
