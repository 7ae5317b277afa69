"""The service manager of Windows, simulated as winsvc.h documents it."""

import threading
from typing import Any

from passmuster_agent.service import windows_api as api
from passmuster_collectors.host.dll import Functions

LONG_S = 30.0


class SimulatedManager:
    """Starts the service that is handed to it on a thread of its own and tells it what happens."""

    def __init__(self) -> None:
        self.reports: list[api.ServiceStatus] = []
        self.name = ""
        self._changed = threading.Condition()
        self._handler: Any = None

    def functions(self) -> Functions:
        """Return them by name."""
        return {
            "StartServiceCtrlDispatcherW": self._dispatch,
            "RegisterServiceCtrlHandlerExW": self._register,
            "SetServiceStatus": self._set,
        }

    def wait_for(self, state: int) -> api.ServiceStatus:
        """Return the status with which the service said that it is in that state."""

        def said() -> api.ServiceStatus | None:
            return next((each for each in self.reports if each.dwCurrentState == state), None)

        with self._changed:
            assert self._changed.wait_for(said, LONG_S), f"the service never reached {state}"
            found = said()
        assert found is not None
        return found

    def tell(self, control: int, kind: int = 0) -> int:
        """Tell the service something, as the manager does from the dispatcher's thread."""
        return int(self._handler(control, kind, None, None))

    def _dispatch(self, table: Any) -> int:
        entry = table._obj[0]
        assert not table._obj[1].lpServiceName, "the table ends with an empty entry"
        main = threading.Thread(target=entry.lpServiceProc, args=(0, None))
        self.name = entry.lpServiceName
        main.start()
        main.join(LONG_S)
        assert not main.is_alive(), "the service did not end"
        return 1

    def _register(self, name: str, handler: Any, context: None) -> int:
        assert (name, context) == (self.name, None)
        self._handler = handler
        return 4711

    def _set(self, status: int, place: Any) -> int:
        assert status == 4711
        copy = api.ServiceStatus.from_buffer_copy(bytes(place._obj))
        with self._changed:
            self.reports.append(copy)
            self._changed.notify_all()
        return 1


class SimulatedServices:
    """The manager's list of services; `errors` lets functions fail with that number."""

    def __init__(self) -> None:
        self.created: dict[str, tuple[Any, ...]] = {}
        self.settings: dict[int, Any] = {}
        self.started: list[str] = []
        self.errors: dict[str, int] = {}
        self.open = 0
        self.run: dict[str, str] = {}
        self.run_key = 0
        self.looks_until_stopped = 2
        self._last = 0

    def functions(self) -> Functions:
        """Return them by name."""
        calls = {
            "OpenSCManagerW": self._manager,
            "CreateServiceW": self._create,
            "OpenServiceW": self._find,
            "ChangeServiceConfig2W": self._change,
            "StartServiceW": self._start,
            "ControlService": self._control,
            "QueryServiceStatus": self._query,
            "DeleteService": self._delete,
            "CloseServiceHandle": self._close,
            "RegOpenKeyExW": self._open_key,
            "RegSetValueExW": self._set_value,
            "RegDeleteValueW": self._delete_value,
            "RegCloseKey": self._close,
        }
        return {name: self._failing(name, call) for name, call in calls.items()}

    def last_error(self) -> int:
        """Return the number that the last failure left behind."""
        return self._last

    def _failing(self, name: str, call: Any) -> Any:
        def checked(*arguments: Any) -> int:
            if name in self.errors:
                self._last = self.errors[name]
                return 0
            return int(call(*arguments))

        return checked

    def _manager(self, machine: None, database: None, rights: int) -> int:
        assert (machine, database, rights) == (None, None, 3)
        self.open += 1
        return 1

    def _create(self, manager: int, name: str, *settings: Any) -> int:
        if name in self.created:
            self._last = api.EXISTS
            return 0
        self.created[name] = settings
        self.open += 1
        return 2

    def _find(self, manager: int, name: str, rights: int) -> int:
        if name not in self.created:
            self._last = api.MISSING
            return 0
        self.open += 1
        return 2

    def _change(self, service: int, what: int, place: Any) -> int:
        value = place._obj
        if what == api.CONFIG_FAILURE_ACTIONS:
            rows = (api.Action * value.cActions).from_address(value.lpsaActions)
            self.settings[what] = (value.dwResetPeriod, [(row.Type, row.Delay) for row in rows])
        else:
            self.settings[what] = getattr(value, value._fields_[0][0])
        return 1

    def _start(self, service: int, count: int, arguments: None) -> int:
        assert (count, arguments) == (0, None)
        self.started.extend(self.created)
        return 1

    def _control(self, service: int, control: int, place: Any) -> int:
        assert control == api.CONTROL_STOP
        return 1

    def _query(self, service: int, place: Any) -> int:
        self.looks_until_stopped -= 1
        is_stopped = self.looks_until_stopped < 0
        place._obj.dwCurrentState = api.STOPPED if is_stopped else api.STOP_PENDING
        return 1

    def _delete(self, service: int) -> int:
        self.created.clear()
        return 1

    def _close(self, handle: int) -> int:
        self.open -= 1
        return 1

    def _open_key(self, root: int, path: str, options: int, rights: int, place: Any) -> int:
        assert (root, options, rights) == (0xFFFF_FFFF_8000_0002, 0, 0x102)
        assert path == r"SOFTWARE\Microsoft\Windows\CurrentVersion\Run"
        if not self.run_key:
            self.open += 1
            place._obj.value = 3
        return self.run_key

    def _set_value(
        self, key: Any, name: str, reserved: int, kind: int, data: Any, size: int
    ) -> int:
        assert (key.value, reserved, kind) == (3, 0, 1)
        self.run[name] = data.raw[:size].decode("utf-16-le").removesuffix("\0")
        return 0

    def _delete_value(self, key: Any, name: str) -> int:
        assert key.value == 3
        return 2 if self.run.pop(name, None) is None else 0
