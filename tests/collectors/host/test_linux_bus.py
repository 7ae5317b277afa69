"""A real D-Bus daemon, with services that answer, refuse, hang and vanish."""

import socket
import threading
import time
from pathlib import Path

import pytest

from passmuster_collectors.host import linux_bus
from passmuster_collectors.host.base import (
    Bus,
    SourceConflictError,
    SourceDeniedError,
    SourceError,
    SourceMissingError,
    SourceTimeoutError,
)
from passmuster_collectors.host.linux_bus import MessageBuses
from tests.support.message_bus import REFUSED_NAME, MessageBus, Mocked, Variant

LOGIND = "org.freedesktop.login1"
MANAGER = "org.freedesktop.login1.Manager"
NAME, PATH, INTERFACE = "org.passmuster.Test", "/org/passmuster/Test", "org.passmuster.Test"


@pytest.fixture
def service(system_bus: MessageBus) -> Mocked:
    return system_bus.service(NAME, PATH, INTERFACE)


@pytest.fixture
def buses() -> MessageBuses:
    return MessageBuses()


def get(buses: MessageBuses, member: str) -> object:
    return buses.get(Bus.SYSTEM, NAME, PATH, INTERFACE, member)


def call(buses: MessageBuses, member: str, signature: str = "", *arguments: object) -> object:
    return buses.call(Bus.SYSTEM, NAME, PATH, INTERFACE, member, signature, arguments)


def test_logind_tells_its_idle_action_and_its_sessions(
    system_bus: MessageBus, buses: MessageBuses
) -> None:
    logind = system_bus.logind(IdleAction="lock", IdleActionUSec=900_000_000)
    logind.mock("AddSession", "ssusb", "c1", "seat0", 1000, "ana", True)
    ask = (Bus.SYSTEM, LOGIND, "/org/freedesktop/login1", MANAGER)
    assert buses.get(*ask, "IdleAction") == "lock"
    assert buses.get_all(*ask)["IdleActionUSec"] == 900_000_000
    (sessions,) = buses.call(*ask, "ListSessions", "", ())
    assert sessions == [("c1", 1000, "ana", "seat0", "/org/freedesktop/login1/session/c1")]
    session = "org.freedesktop.login1.Session"
    found = buses.get_all(Bus.SYSTEM, LOGIND, sessions[0][4], session)
    assert found["Active"] is True
    assert found["User"] == (1000, "/org/freedesktop/login1/user/1000")


@pytest.mark.parametrize(
    ("signature", "value", "expected"),
    [
        ("ay", b"office", b"office"),
        ("(ss)", ("s", "text"), ("s", "text")),
        ("v", ("v", ("s", "text")), "text"),
        ("a{sv}", {"a": ("u", 1), "b": ("as", ["x"])}, {"a": 1, "b": ["x"]}),
        ("a(iav)", [(1, [("s", "x"), ("b", True)])], [(1, ["x", True])]),
        ("aa{sv}", [{"a": ("d", 1.5)}], [{"a": 1.5}]),
    ],
)
def test_variants_are_unwrapped_and_structures_stay_whole(
    service: Mocked, buses: MessageBuses, signature: str, value: object, expected: object
) -> None:
    # Returned as it came: a method whose Python code is its argument's echo.
    service.mock("AddMethod", "sssss", INTERFACE, "Echo", signature, signature, "ret = args[0]")
    assert call(buses, "Echo", signature, value) == (expected,)


def test_a_property_that_changed_is_read_anew(service: Mocked, buses: MessageBuses) -> None:
    service.mock("AddProperty", "ssv", INTERFACE, "Count", ("u", 1))
    assert get(buses, "Count") == 1
    service.set(INTERFACE, "Count", Variant("u", 2))
    assert get(buses, "Count") == 2


def test_a_service_that_nobody_offers_is_missing(
    system_bus: MessageBus, buses: MessageBuses
) -> None:
    assert system_bus.address
    with pytest.raises(SourceMissingError) as refused:
        get(buses, "Count")
    assert refused.value.name == f"{NAME} {INTERFACE}.Count"
    assert refused.value.detail == "NameHasNoOwner"


def test_looking_starts_nothing(system_bus: MessageBus, buses: MessageBuses) -> None:
    started = system_bus.services / "started"
    system_bus.offer("org.passmuster.Asleep", f"/usr/bin/touch {started}")
    with pytest.raises(SourceMissingError):
        buses.get(Bus.SYSTEM, "org.passmuster.Asleep", PATH, INTERFACE, "Count")
    assert not started.exists()
    with pytest.raises(SourceError):  # it ends without a word, how the bus takes that varies
        # The bus itself starts it when told to, so that it could have been started.
        buses.call(
            *(Bus.SYSTEM, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus"),
            *("StartServiceByName", "su", ("org.passmuster.Asleep", 0)),
        )
    assert started.exists()


@pytest.mark.usefixtures("service")
def test_an_unknown_property_object_and_method_are_missing(buses: MessageBuses) -> None:
    with pytest.raises(SourceMissingError):
        get(buses, "Nothing")
    with pytest.raises(SourceMissingError):
        buses.get(Bus.SYSTEM, NAME, "/nowhere", INTERFACE, "Count")
    with pytest.raises(SourceMissingError):
        call(buses, "Nothing")


def test_what_the_daemon_forbids_is_denied(system_bus: MessageBus, buses: MessageBuses) -> None:
    system_bus.service(REFUSED_NAME, "/", INTERFACE)
    with pytest.raises(SourceDeniedError) as refused:
        buses.get(Bus.SYSTEM, REFUSED_NAME, "/", INTERFACE, "Count")
    assert refused.value.detail == "AccessDenied"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("org.freedesktop.DBus.Error.AccessDenied", SourceDeniedError),
        ("org.freedesktop.NetworkManager.PermissionDenied", SourceDeniedError),
        ("org.freedesktop.DBus.Error.InteractiveAuthorizationRequired", SourceDeniedError),
        ("org.freedesktop.login1.NoSuchSession", SourceMissingError),
        ("fi.w1.wpa_supplicant1.InterfaceUnknown", SourceMissingError),
        ("org.freedesktop.DBus.Error.UnknownInterface", SourceMissingError),
        ("org.freedesktop.DBus.Error.Spawn.ChildExited", SourceMissingError),
        ("org.freedesktop.DBus.Error.NoReply", SourceTimeoutError),
        ("org.freedesktop.DBus.Error.TimedOut", SourceTimeoutError),
        ("org.example.Confused", SourceConflictError),
    ],
)
def test_a_services_own_refusal_is_told_by_its_name_and_never_by_its_text(
    service: Mocked, buses: MessageBuses, error: str, expected: type[Exception]
) -> None:
    code = f'raise dbus.exceptions.DBusException("a private text", name="{error}")'
    service.mock("AddMethod", "sssss", INTERFACE, "Refuse", "", "", code)
    with pytest.raises(expected) as refused:
        call(buses, "Refuse")
    assert "private" not in str(refused.value)


def test_a_service_that_hangs_is_a_timeout_and_others_go_on_being_asked(
    system_bus: MessageBus, service: Mocked, buses: MessageBuses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linux_bus, "CALL_TIMEOUT_S", 0.5)
    service.mock("AddMethod", "sssss", INTERFACE, "Hang", "", "", "import time; time.sleep(3)")
    system_bus.logind()
    started = time.monotonic()
    with pytest.raises(SourceTimeoutError):
        call(buses, "Hang")
    assert time.monotonic() - started < 2
    path = "/org/freedesktop/login1"
    assert buses.get(Bus.SYSTEM, LOGIND, path, MANAGER, "IdleAction") == "ignore"


def test_an_answer_beyond_the_limit_is_a_conflict(
    service: Mocked, buses: MessageBuses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linux_bus, "MAX_MESSAGE", 100_000)
    service.mock("AddMethod", "sssss", INTERFACE, "Flood", "", "s", 'ret = "x" * 1000000')
    with pytest.raises(SourceConflictError, match="more than 100000 bytes"):
        call(buses, "Flood")


def test_threads_ask_at_the_same_time(service: Mocked, buses: MessageBuses) -> None:
    service.mock("AddMethod", "sssss", INTERFACE, "Double", "u", "u", "ret = args[0] * 2")
    wrong: list[object] = []

    def ask(number: int) -> None:
        answer = call(buses, "Double", "u", number)
        if answer != (number * 2,):
            wrong.append(answer)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_bus_that_was_restarted_is_asked_over_a_new_connection(
    system_bus: MessageBus, service: Mocked, buses: MessageBuses
) -> None:
    service.mock("AddProperty", "ssv", INTERFACE, "Count", ("u", 1))
    assert get(buses, "Count") == 1
    for connection in buses._idle[Bus.SYSTEM]:  # what a daemon that ends does to its clients
        connection.sock.shutdown(socket.SHUT_RDWR)
    assert system_bus.address
    assert get(buses, "Count") == 1


def test_a_machine_without_a_bus_misses_it(
    buses: MessageBuses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/none")
    with pytest.raises(SourceMissingError, match="nobody listens"):
        get(buses, "Count")


@pytest.mark.parametrize("address", ["tcp:host=127.0.0.1,port=1", "nonsense", "unix:nonsense"])
def test_an_address_that_is_no_local_socket_is_not_followed(
    buses: MessageBuses, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
    with pytest.raises(SourceMissingError, match="not a local socket"):
        get(buses, "Count")


def test_a_process_without_a_session_has_no_session_bus(
    buses: MessageBuses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    with pytest.raises(SourceMissingError, match="no session"):
        buses.get(Bus.SESSION, NAME, PATH, INTERFACE, "Count")


@pytest.mark.parametrize("answers", [b"", b"OK 1234\r\n"])
def test_a_bus_that_accepts_and_says_nothing_is_a_timeout(
    buses: MessageBuses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: bytes
) -> None:
    monkeypatch.setattr(linux_bus, "CALL_TIMEOUT_S", 0.3)
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/bus")
    with _listening(tmp_path / "bus") as server:
        thread = threading.Thread(target=_answer_once, args=(server, answers))
        thread.start()
        started = time.monotonic()
        with pytest.raises(SourceTimeoutError):
            get(buses, "Count")
        assert time.monotonic() - started < 2
        thread.join()


def _listening(path: Path) -> socket.socket:
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()
    return server


def _answer_once(server: socket.socket, answer: bytes) -> None:
    client, _ = server.accept()
    with client:
        client.recv(1024)
        if answer:
            client.sendall(answer)
        while client.recv(1024):
            pass
