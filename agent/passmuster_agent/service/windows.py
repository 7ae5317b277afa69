"""The agent as a service of Windows: started, told and stopped by the service manager.

The manager calls two functions of ours on threads of its own: `_main`, in which the daemon works,
and `_handle`, which is told of stops, of sessions that begin, end, lock and unlock, and of power.
`_handle` only takes note of what happened: the manager waits for it.
"""

import contextlib
import ctypes
import logging
import socket
from collections.abc import Callable
from typing import Any

from passmuster_agent.errors import AgentError, ExitCode
from passmuster_agent.service import windows_api as api
from passmuster_agent.service.commands import NAME
from passmuster_agent.supervisor import Supervisor
from passmuster_collectors.host.dll import Functions, error_of, last_error, load
from passmuster_collectors.host.events import RESUME, Watch
from passmuster_collectors.host.told_watch import ToldWatch

log = logging.getLogger(__name__)

SESSIONS = "org.freedesktop.login1"
"""What signals call the trigger for people who come and go, whatever system tells of them."""

START_WITHIN_MS = 30_000
STOP_WITHIN_MS = 20_000
ACCEPTED = api.ACCEPT_STOP | api.ACCEPT_SHUTDOWN | api.ACCEPT_POWER | api.ACCEPT_SESSION

ENDED_IN_ORDER = frozenset({ExitCode.DONE, ExitCode.NOT_ENROLLED, ExitCode.REFUSED})
"""Starting again mends none of these; after any other end the manager starts the service again."""

Work = Callable[[socket.socket, Watch, Supervisor], ExitCode]
"""Works until the socket becomes readable. Raises `AgentError`."""


def serve(work: Work) -> ExitCode:
    """Be the service until it is stopped. Raises `AgentError` where no service manager asked."""
    try:
        return Service(load(*api.RUNNING_FUNCTIONS), work).serve()
    except OSError as error:
        raise AgentError(f"This is no service of Windows ({error.strerror}).", "") from None


class Service:
    """One service in a process of its own."""

    def __init__(self, windows: Functions, work: Work) -> None:
        self._windows = windows
        self._work = work
        self._status: Any = None
        self._state = api.START_PENDING
        self._exit_code = ExitCode.FAILED
        self._told = ToldWatch({SESSIONS, RESUME})
        self._interrupted, self._interrupt = socket.socketpair()
        self._interrupted.setblocking(False)
        # The manager calls them for as long as the service runs.
        self._main_callback = api.MAIN(lambda *_: self._main())
        self._handler_callback = api.HANDLER(
            lambda control, kind, _data, _context: self.handle(control, kind)
        )

    def serve(self) -> ExitCode:
        """Give this thread to the manager; return when the service has stopped.

        Raises `AgentError` where the manager did not start this process, `OSError` otherwise.
        """
        table = (api.TableEntry * 2)(api.TableEntry(NAME, self._main_callback))
        with self._interrupted, self._interrupt, contextlib.closing(self._told):
            if self._windows["StartServiceCtrlDispatcherW"](ctypes.byref(table)):
                return self._exit_code
        error = last_error()
        if error == api.NOT_STARTED_AS_A_SERVICE:
            raise AgentError(
                "Only the service manager of Windows starts this.",
                "Run: passmuster-agent service install",
            )
        raise error_of("StartServiceCtrlDispatcherW", error)

    def handle(self, control: int, kind: int) -> int:
        """Take note of what the manager tells; return whether it was understood."""
        if control in {api.CONTROL_STOP, api.CONTROL_SHUTDOWN}:
            self._report(api.STOP_PENDING)
            with contextlib.suppress(OSError):
                self._interrupt.send(b"\0")
        elif control == api.CONTROL_SESSION:
            self._told.tell(SESSIONS)
        elif control == api.CONTROL_POWER:
            if kind in {api.RESUME_SUSPEND, api.RESUME_AUTOMATIC}:
                self._told.tell(RESUME)
        elif control == api.CONTROL_INTERROGATE:
            self._report(self._state)
        else:
            return api.NOT_IMPLEMENTED
        return api.NO_ERROR

    def _main(self) -> None:
        self._status = self._windows["RegisterServiceCtrlHandlerExW"](
            NAME, self._handler_callback, None
        )
        if not self._status:
            return
        self._report(api.START_PENDING)
        try:
            self._exit_code = self._work(self._interrupted, self._told, _Standing(self._report))
        except AgentError as error:
            log.error("%s", error)  # noqa: TRY400 - the sentence is all there is to say
            self._exit_code = error.exit_code
        except Exception:
            log.exception("The service ended by an error of its own.")
        finally:
            # Nothing of ours may follow: the process can end as soon as this was said.
            self._report(api.STOPPED)

    def _report(self, state: int) -> None:
        self._state = state
        status = api.ServiceStatus(api.OWN_PROCESS, state)
        if state == api.RUNNING:
            status.dwControlsAccepted = ACCEPTED
        elif state != api.STOPPED:
            is_starting = state == api.START_PENDING
            status.dwWaitHint = START_WITHIN_MS if is_starting else STOP_WITHIN_MS
        elif self._exit_code not in ENDED_IN_ORDER:
            status.dwWin32ExitCode = api.SPECIFIC_ERROR
            status.dwServiceSpecificExitCode = int(self._exit_code)
        self._windows["SetServiceStatus"](self._status, ctypes.byref(status))


class _Standing(Supervisor):
    """Tells the service manager what systemd would be told."""

    def __init__(self, report: Callable[[int], None]) -> None:
        super().__init__()
        self._report = report

    def ready(self) -> None:
        """Say that the service runs now."""
        self._report(api.RUNNING)

    def alive(self, at: float) -> None:
        """Say nothing: the manager of Windows keeps no watch over a service's loop."""

    def stopping(self) -> None:
        """Say that the service ends."""
        self._report(api.STOP_PENDING)
