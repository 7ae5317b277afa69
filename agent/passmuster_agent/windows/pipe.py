"""One end of a named pipe that carries whole messages, and who is at the other end.

Every call is overlapped, so that it can be ended from another thread, and so that one thread may
read while another one writes.
"""

import ctypes
from dataclasses import dataclass

from passmuster_agent.windows import account, file_rights
from passmuster_agent.windows import pipe_api as api
from passmuster_collectors.host.dll import DWORD, HANDLE, Functions, error_of, last_error

MAX_BYTES = 65_536
BUFFER_BYTES = 4 * MAX_BYTES


class PipeEndedError(Exception):
    """The other end has gone, or did not do what was waited for in time."""


class PipeMessageTooLongError(Exception):
    """The other end sent more than `MAX_BYTES` at once."""


@dataclass(frozen=True)
class Client:
    """Who connected: the account's security identifier and the number of the session."""

    sid: str
    session: int


class Pipe:
    """An open pipe. One thread reads, one writes; `end` may be called from any."""

    def __init__(self, windows: Functions, handle: int) -> None:
        self._windows = windows
        self._handle = handle
        self._end = windows["CreateEventW"](None, True, False, None)
        self._events = [windows["CreateEventW"](None, True, False, None) for _ in range(2)]
        self._calls = [api.Overlapped(hEvent=each) for each in self._events]
        self._data = ctypes.create_string_buffer(MAX_BYTES)

    @classmethod
    def made(cls, windows: Functions, name: str, access_list: str, *, first: bool) -> "Pipe":
        """Return a new instance of the pipe of that name. Raises `OSError`.

        `access_list` is its descriptor in SDDL. The `first` one fails where somebody else has made
        a pipe of that name.
        """
        mode = api.DUPLEX | api.OVERLAPPED | (api.FIRST_INSTANCE if first else 0)
        with file_rights.security_attributes(windows, access_list) as attributes:
            handle = windows["CreateNamedPipeW"](
                *(name, mode, api.MESSAGES | api.REJECT_REMOTE, api.UNLIMITED),
                *(BUFFER_BYTES, BUFFER_BYTES, 0, attributes),
            )
            error = last_error()
        if handle in {None, file_rights.INVALID_HANDLE}:
            raise error_of("CreateNamedPipeW", error)
        return cls(windows, handle)

    @classmethod
    def opened(cls, windows: Functions, name: str, owners: frozenset[str]) -> "Pipe":
        """Return the other end of a pipe that one of `owners` owns. Raises `OSError`.

        Whoever made a pipe of that name in the daemon's absence owns it: nothing is told to them.
        """
        handle = windows["CreateFileW"](
            *(name, api.CLIENT_RIGHTS, 0, None, file_rights.OPEN_EXISTING),
            *(api.OVERLAPPED | api.IDENTIFICATION, None),
        )
        if handle in {None, file_rights.INVALID_HANDLE}:
            raise error_of("CreateFileW")
        pipe = cls(windows, handle)
        try:
            _prepare(windows, handle, owners)
        except OSError:
            pipe.close()
            raise
        return pipe

    def connect(self) -> None:
        """Wait for somebody at the other end. Raises `PipeEndedError`."""
        call = self._calls[0]
        began = self._windows["ConnectNamedPipe"](self._handle, ctypes.byref(call))
        if began or last_error() != api.PIPE_CONNECTED:
            self._completed(call, began, api.FOREVER)

    def disconnect(self) -> None:
        """Let go of who connected, so that somebody else may."""
        self._windows["DisconnectNamedPipe"](self._handle)

    def read(self, within_ms: int = api.FOREVER) -> bytes:
        """Wait for one message. Raises `PipeEndedError` and `PipeMessageTooLongError`."""
        call = self._calls[0]
        began = self._windows["ReadFile"](
            self._handle, self._data, MAX_BYTES, None, ctypes.byref(call)
        )
        size = self._completed(call, began, within_ms)
        return self._data.raw[:size]

    def write(self, data: bytes, within_ms: int) -> None:
        """Write one message. Raises `PipeEndedError`, also where it is not taken in time."""
        held = ctypes.create_string_buffer(data, len(data))
        call = self._calls[1]
        began = self._windows["WriteFile"](self._handle, held, len(data), None, ctypes.byref(call))
        self._completed(call, began, within_ms)

    def client(self) -> Client:
        """Return who connected, after something was read. Raises `OSError`.

        By the token of whoever opened the other end: a process number may be another's by now. To
        be called from a thread that ends where this fails, since it may be somebody else then.
        """
        windows = self._windows
        if not windows["ImpersonateNamedPipeClient"](self._handle):
            raise error_of("ImpersonateNamedPipeClient")
        token = HANDLE()
        try:
            opened = windows["OpenThreadToken"](
                windows["GetCurrentThread"](), account.TOKEN_QUERY, True, ctypes.byref(token)
            )
            error = last_error()
        finally:
            if not windows["RevertToSelf"]():
                raise error_of("RevertToSelf")
        if not opened:
            raise error_of("OpenThreadToken", error)
        try:
            return Client(account.sid_of(windows, token), account.session_of(windows, token))
        finally:
            windows["CloseHandle"](token)

    def end(self) -> None:
        """Let every call end, now and from now on."""
        self._windows["SetEvent"](self._end)

    def close(self) -> None:
        """Close it; nobody may be waiting any more."""
        for each in (self._handle, self._end, *self._events):
            self._windows["CloseHandle"](each)

    def _completed(self, call: api.Overlapped, began: int, within_ms: int) -> int:
        """Return how many bytes a call moved, once it is done."""
        place, moved = ctypes.byref(call), DWORD()
        if not began:
            error = last_error()
            if error == api.MORE_DATA:
                raise PipeMessageTooLongError
            if error != api.IO_PENDING:
                raise PipeEndedError
            handles = (HANDLE * 2)(call.hEvent, self._end)
            done = self._windows["WaitForMultipleObjects"](2, handles, False, within_ms)
            if done != api.WAIT_OBJECT_0:
                self._windows["CancelIoEx"](self._handle, place)
                # Until it is over, Windows may write into what it was given.
                self._windows["GetOverlappedResult"](self._handle, place, ctypes.byref(moved), True)
                raise PipeEndedError
        if not self._windows["GetOverlappedResult"](
            self._handle, place, ctypes.byref(moved), False
        ):
            raise PipeMessageTooLongError if last_error() == api.MORE_DATA else PipeEndedError
        return moved.value


def _prepare(windows: Functions, handle: int, owners: frozenset[str]) -> None:
    """Have whole messages read, of a pipe that one of `owners` owns. Raises `OSError`."""
    owner = file_rights.descriptor_of(windows, handle, api.SE_KERNEL_OBJECT).owner
    if owner not in owners:
        raise OSError(0, f"the pipe is {owner}'s")
    mode = DWORD(api.READ_MESSAGES)
    if not windows["SetNamedPipeHandleState"](handle, ctypes.byref(mode), None, None):
        raise error_of("SetNamedPipeHandleState")
