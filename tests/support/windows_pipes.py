"""Named pipes and events of Windows, simulated as namedpipeapi.h and winbase.h document them."""

import collections
import ctypes
import itertools
import threading
from typing import Any

from passmuster_agent.windows import pipe_api as api
from passmuster_agent.windows.account import SidAndAttributes
from passmuster_collectors.host.dll import Functions
from tests.support.windows_security import descriptor

INVALID = 2**64 - 1
ACCESS_DENIED, FILE_NOT_FOUND, PIPE_BUSY, BROKEN, NO_DATA = 5, 2, 231, 109, 232
QUOTA = 4 * 65_536
BY_USERS, BY_NOBODY = "(A;;0x120183;;;IU)", "nobody"


class End:
    """One end of a pipe: what has arrived there, and the calls that wait."""

    def __init__(self, pipe: "SimulatedPipe") -> None:
        self.pipe = pipe
        self.other: End | None = None
        self.arrived: collections.deque[bytes] = collections.deque()
        self.waiting: tuple[Any, Any, int] | None = None
        self.open = True


class SimulatedPipe:
    """A name, and what its first instance was made with."""

    def __init__(self, access_list: str) -> None:
        self.access_list = access_list
        self.listening: list[tuple[End, Any]] = []


class SimulatedPipes:
    """All pipes of a computer; `sid` and `session` are those of whoever connects.

    `owner` is the account that the pipes' descriptors name.
    """

    def __init__(self, sid: str, session: int, owner: str = "S-1-5-32-544") -> None:
        self.sid, self.session = sid, session
        self.refuse_impersonation = False
        self._found = ctypes.create_string_buffer(descriptor(owner, []))
        self._text = ctypes.create_unicode_buffer(sid)
        self._lock = threading.Condition()
        self._numbers = itertools.count(100)
        self._pipes: dict[str, SimulatedPipe] = {}
        self._ends: dict[int, End] = {}
        self._events: dict[int, bool] = {}
        self._results: dict[int, tuple[int, int] | None] = {}
        self._access_list = ""
        self._own = threading.local()

    def functions(self) -> Functions:
        """Return them by name."""
        return {
            "CreateNamedPipeW": self._create,
            "ConnectNamedPipe": self._connect,
            "DisconnectNamedPipe": lambda _: 1,
            "CreateFileW": self._open,
            "SetNamedPipeHandleState": self._set_state,
            "ReadFile": self._read,
            "WriteFile": self._write,
            "GetOverlappedResult": self._result,
            "CancelIoEx": self._cancel,
            "CreateEventW": self._event,
            "SetEvent": self._set,
            "WaitForMultipleObjects": self._wait,
            "CloseHandle": self._close,
            "GetCurrentThread": lambda: 2**64 - 2,
            "ImpersonateNamedPipeClient": self._impersonate,
            "RevertToSelf": lambda: 1,
            "OpenThreadToken": self._token,
            "GetTokenInformation": self._tell,
            "ConvertSidToStringSidW": self._sid,
            "ConvertStringSecurityDescriptorToSecurityDescriptorW": self._convert,
            "GetSecurityInfo": self._security,
            "GetSecurityDescriptorLength": lambda _: len(self._found) - 1,
            "LocalFree": lambda _: None,
        }

    def last_error(self) -> int:
        """Return the number that the last failure of this thread left behind."""
        return int(getattr(self._own, "error", 0))

    @property
    def open(self) -> int:
        """How many handles have not been closed."""
        with self._lock:
            return len(self._events) + len(self._ends)

    def _fail(self, error: int, value: int = 0) -> int:
        self._own.error = error
        return value

    def _create(self, name: str, mode: int, kind: int, most: int, *rest: Any) -> int:
        assert kind == 0x4 | 0x2 | 0x8, "messages, and nobody from elsewhere"
        assert mode & ~0x0008_0000 == 0x4000_0003
        assert (most, rest[:3]) == (255, (QUOTA, QUOTA, 0))
        with self._lock:
            if mode & 0x0008_0000 and name in self._pipes:
                return self._fail(ACCESS_DENIED, INVALID)
            pipe = self._pipes.setdefault(name, SimulatedPipe(self._access_list))
            handle = next(self._numbers)
            self._ends[handle] = End(pipe)
            return handle

    def _connect(self, handle: int, place: Any) -> int:
        with self._lock:
            end = self._ends[handle]
            if end.other is not None:
                return self._fail(api.PIPE_CONNECTED)
            end.pipe.listening.append((end, place._obj))
            return self._begin(place._obj)

    def _open(self, name: str, rights: int, share: int, *rest: Any) -> int:
        assert (rights, share, rest) == (0x120183, 0, (None, 3, 0x40110000, None))
        with self._lock:
            pipe = self._pipes.get(name)
            if pipe is None:
                return self._fail(FILE_NOT_FOUND, INVALID)
            if not pipe.listening:
                return self._fail(PIPE_BUSY, INVALID)
            server, call = pipe.listening.pop(0)
            handle = next(self._numbers)
            end = self._ends[handle] = End(pipe)
            end.other, server.other = server, end
            self._end_call(call, 0, 0)
            return handle

    def _set_state(self, handle: int, mode: Any, *rest: Any) -> int:
        assert (mode._obj.value, rest) == (2, (None, None))
        return 1

    def _read(self, handle: int, data: Any, size: int, _: None, place: Any) -> int:
        with self._lock:
            end = self._ends[handle]
            if end.arrived:
                return self._take(end, data, size, place._obj)
            if end.other is None or not end.other.open:
                return self._fail(BROKEN)
            end.waiting = (data, place._obj, size)
            return self._begin(place._obj)

    def _write(self, handle: int, data: Any, size: int, _: None, place: Any) -> int:
        with self._lock:
            end = self._ends[handle]
            other = end.other
            if other is None or not other.open:
                return self._fail(NO_DATA)
            if sum(map(len, other.arrived)) + size > QUOTA:
                return self._begin(place._obj)
            other.arrived.append(ctypes.string_at(data, size))
            self._end_call(place._obj, 0, size)
            if other.waiting is not None:
                wanted, call, most = other.waiting
                other.waiting = None
                self._take(other, wanted, most, call)
            return 1

    def _take(self, end: End, data: Any, size: int, call: Any) -> int:
        message = end.arrived.popleft()
        ctypes.memmove(data, message, min(size, len(message)))
        error = 0 if len(message) <= size else api.MORE_DATA
        self._end_call(call, error, min(size, len(message)))
        return 1 if not error else self._fail(error)

    def _begin(self, call: Any) -> int:
        self._events[call.hEvent] = False
        self._results[call.hEvent] = None
        return self._fail(api.IO_PENDING)

    def _end_call(self, call: Any, error: int, size: int) -> None:
        self._results[call.hEvent] = (error, size)
        self._events[call.hEvent] = True
        self._lock.notify_all()

    def _result(self, _: int, place: Any, moved: Any, wait: int) -> int:
        with self._lock:
            event = place._obj.hEvent
            if wait:
                self._lock.wait_for(lambda: self._results[event] is not None)
            found = self._results[event]
            assert found is not None, "it was asked for before it was done"
            error, moved._obj.value = found
            return 1 if not error else self._fail(error)

    def _cancel(self, handle: int, place: Any) -> int:
        with self._lock:
            if self._results[place._obj.hEvent] is None:
                end = self._ends[handle]
                end.waiting = None
                end.pipe.listening = [each for each in end.pipe.listening if each[0] is not end]
                self._end_call(place._obj, 995, 0)
            return 1

    def _event(self, attributes: None, manual: int, state: int, name: None) -> int:
        assert (attributes, manual, state, name) == (None, True, False, None)
        with self._lock:
            handle = next(self._numbers)
            self._events[handle] = False
            return handle

    def _set(self, event: int) -> int:
        with self._lock:
            self._events[event] = True
            self._lock.notify_all()
        return 1

    def _wait(self, count: int, handles: Any, every: int, within_ms: int) -> int:
        assert (count, every) == (2, False)

        def first() -> int | None:
            return next((n for n, each in enumerate(handles) if self._events[each]), None)

        with self._lock:
            within_s = None if within_ms == api.FOREVER else within_ms / 1000
            self._lock.wait_for(lambda: first() is not None, within_s)
            found = first()
            return 258 if found is None else found

    def _close(self, handle: Any) -> int:
        with self._lock:
            end = self._ends.pop(handle, None) if isinstance(handle, int) else None
            if end is not None:
                end.open = False
                if end.other is not None and end.other.waiting is not None:
                    _, call, _ = end.other.waiting
                    end.other.waiting = None
                    self._end_call(call, BROKEN, 0)
                if end.other is None and not any(
                    each.pipe is end.pipe for each in self._ends.values()
                ):
                    self._pipes = {n: p for n, p in self._pipes.items() if p is not end.pipe}
            elif isinstance(handle, int):
                del self._events[handle]
        return 1

    def _impersonate(self, handle: int) -> int:
        assert self._ends[handle].other is not None
        return 0 if self.refuse_impersonation else 1

    def _token(self, thread: int, wanted: int, as_self: int, place: Any) -> int:
        assert (thread, wanted, as_self) == (2**64 - 2, 8, True)
        place._obj.value = 99
        return 1

    def _tell(self, _: Any, kind: int, held: Any, size: int, needed: Any) -> int:
        if kind == 1:
            SidAndAttributes.from_buffer(held).Sid = 4711
        else:
            assert (kind, size) == (12, 4)
            ctypes.c_uint32.from_buffer(held).value = self.session
        return 1

    def _sid(self, sid: int, place: Any) -> int:
        assert sid == 4711
        place._obj.value = self._text.value
        return 1

    def _convert(self, text: str, revision: int, place: Any, _: Any) -> int:
        assert revision == 1
        self._access_list = text
        place._obj.value = 4711
        return 1

    def _security(self, _: int, kind: int, wanted: int, *places: Any) -> int:
        assert (kind, wanted) == (6, 5)
        places[-1]._obj.value = ctypes.addressof(self._found)
        return 0
