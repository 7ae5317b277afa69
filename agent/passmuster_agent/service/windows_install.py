"""Installs the agent as a service of Windows with its companion, and removes them again.

It runs as the system, which BitLocker's state and every person's settings need, starts with the
computer, has a SID of its own for rights on files, and is started again after it failed.
"""

import ctypes
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from passmuster_agent.errors import AgentError
from passmuster_agent.service import windows_api as api
from passmuster_agent.service import windows_logon
from passmuster_agent.service.commands import (
    DESCRIPTION,
    NAME,
    TITLE,
    as_windows_text,
    command,
    windowless_program,
)
from passmuster_collectors.host.dll import Functions, error_of, last_error, load

RESTART_AFTER_MS = (5_000, 30_000, 60_000)
"""After the first, the second and every later failure."""

FORGET_AFTER_S = 86_400
STOP_WITHIN_S = 30.0
LOOK_AGAIN_S = 0.2

REMEDY = "Run this as an administrator."


class Installer:
    """The service manager, as far as installing goes. All raise `AgentError`."""

    def __init__(self, windows: Functions, sleep: Callable[[float], None] = time.sleep) -> None:
        self._windows = windows
        self._sleep = sleep
        self._companion = windows_logon.LogonProgram(windows)

    def install(self, state: Path) -> None:
        """Make the service and start it, and have every session start a companion."""
        try:
            with self._connected() as manager:
                line = as_windows_text(command(state, "service", "run"))
                service = self._windows["CreateServiceW"](
                    manager,
                    NAME,
                    TITLE,
                    api.ALL_ACCESS,
                    api.OWN_PROCESS,
                    api.AUTO_START,
                    api.ERROR_NORMAL,
                    line,
                    None,
                    None,
                    None,
                    None,
                    None,
                )
                if not service:
                    self._refuse_existing(last_error())
                with self._closed(service):
                    try:
                        self._configure(service)
                    except OSError:
                        # Half a service would be in the way of the next attempt.
                        self._windows["DeleteService"](service)
                        raise
                    self._start(service)
            self._companion.add(as_windows_text([*windowless_program(), "companion"]))
        except OSError as error:
            raise _failed("installed", error) from None

    def uninstall(self) -> None:
        """Stop the service and remove it and the companion; nothing happens where they are not.

        The companions that run end when their people sign out.
        """
        try:
            self._companion.remove()
            with self._connected() as manager:
                service = self._windows["OpenServiceW"](manager, NAME, api.ALL_ACCESS)
                if not service:
                    error = last_error()
                    if error == api.MISSING:
                        return
                    raise error_of("OpenServiceW", error)
                with self._closed(service):
                    self._stop(service)
                    if not self._windows["DeleteService"](service):
                        error = last_error()
                        if error != api.MARKED_FOR_DELETE:
                            raise error_of("DeleteService", error)
        except OSError as error:
            raise _failed("removed", error) from None

    def _refuse_existing(self, error: int) -> None:
        if error == api.EXISTS:
            raise AgentError(
                "The service is installed already.",
                "Run first: passmuster-agent service uninstall",
            )
        raise error_of("CreateServiceW", error)

    def _configure(self, service: Any) -> None:
        actions = (api.Action * len(RESTART_AFTER_MS))(
            *(api.Action(api.ACTION_RESTART, delay) for delay in RESTART_AFTER_MS)
        )
        failures = api.FailureActions(
            FORGET_AFTER_S, None, None, len(actions), ctypes.addressof(actions)
        )
        for what, value in (
            (api.CONFIG_DESCRIPTION, api.Description(DESCRIPTION)),
            (api.CONFIG_FAILURE_ACTIONS, failures),
            (api.CONFIG_FAILURE_FLAG, api.FailureFlag(1)),
            (api.CONFIG_SID, api.SidInfo(api.SID_UNRESTRICTED)),
        ):
            if not self._windows["ChangeServiceConfig2W"](service, what, ctypes.byref(value)):
                raise error_of(f"ChangeServiceConfig2W {what}")

    def _start(self, service: Any) -> None:
        if not self._windows["StartServiceW"](service, 0, None):
            error = last_error()
            if error != api.ALREADY_RUNNING:
                raise error_of("StartServiceW", error)

    def _stop(self, service: Any) -> None:
        status = api.ServiceStatus()
        if not self._windows["ControlService"](service, api.CONTROL_STOP, ctypes.byref(status)):
            error = last_error()
            if error != api.NOT_ACTIVE:
                raise error_of("ControlService", error)
            return
        for _ in range(int(STOP_WITHIN_S / LOOK_AGAIN_S)):
            if not self._windows["QueryServiceStatus"](service, ctypes.byref(status)):
                raise error_of("QueryServiceStatus")
            if status.dwCurrentState == api.STOPPED:
                return
            self._sleep(LOOK_AGAIN_S)
        raise AgentError(
            f"The service did not stop within {STOP_WITHIN_S:.0f} seconds.",
            "Restart the computer, then try again.",
        )

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        rights = api.MANAGER_CONNECT | api.MANAGER_CREATE
        manager = self._windows["OpenSCManagerW"](None, None, rights)
        if not manager:
            raise error_of("OpenSCManagerW")
        with self._closed(manager):
            yield manager

    @contextmanager
    def _closed(self, handle: Any) -> Iterator[None]:
        try:
            yield
        finally:
            self._windows["CloseServiceHandle"](handle)


def installer() -> Installer:
    """Return the installer for this computer. Raises `AgentError`."""
    try:
        return Installer(load(*api.INSTALLING_FUNCTIONS, *windows_logon.FUNCTIONS))
    except OSError as error:
        raise _failed("installed", error) from None


def _failed(what: str, error: OSError) -> AgentError:
    return AgentError(f"The service could not be {what} ({error.strerror}).", REMEDY)
