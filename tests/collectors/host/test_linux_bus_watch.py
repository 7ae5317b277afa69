"""What services announce on a real system bus, and a bus that misbehaves in every way."""

import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jeepney import DBusAddress, HeaderFields, new_signal
from jeepney.io.blocking import open_dbus_connection

from passmuster_collectors.host import clocks
from passmuster_collectors.host.events import MOUNT, NEVER, RESUME, ROUTE, Events
from passmuster_collectors.host.linux_announcements import (
    IWD,
    LOGIND,
    NETWORK_MANAGER,
    PROPERTIES,
    SERVICES,
    WPA_SUPPLICANT,
)
from passmuster_collectors.host.linux_bus_watch import LONGEST_PAUSE_S, BusWatch
from tests.support.message_bus import MessageBus, Mocked, Variant, running_bus

PATIENCE_S = 15.0
SESSION = "/org/freedesktop/login1/session/c1"
WIFI = "/org/freedesktop/NetworkManager/Devices/wlan0"


@contextlib.contextmanager
def watching() -> Iterator[BusWatch]:
    watch = BusWatch()
    try:
        yield watch
    finally:
        watch.close()


def look(watch: BusWatch, done: Callable[[Events], bool], within_s: float = PATIENCE_S) -> Events:
    """Return all that was heard until `done` says so of it, or the time is over."""
    heard = Events()
    deadline = time.monotonic() + within_s
    while not done(heard) and (left := deadline - time.monotonic()) > 0:
        select.select(watch.descriptors(), [], [], min(left, 0.1))
        events = watch.read()
        heard = Events(heard.triggers | events.triggers, heard.lost or events.lost)
    return heard


def hears(watch: BusWatch, trigger: str) -> bool:
    return trigger in look(watch, lambda heard: trigger in heard.triggers).triggers


def settled(watch: BusWatch) -> None:
    """Wait until the bus has agreed to everything."""
    deadline = time.monotonic() + PATIENCE_S
    while not all(watch.delivers(name) for name in SERVICES):
        assert time.monotonic() < deadline, "the bus did not agree"
        look(watch, lambda _: False, 0.05)
    look(watch, lambda _: False, 0.1)


@pytest.fixture
def logind(system_bus: MessageBus) -> Mocked:
    mocked = system_bus.logind()
    mocked.mock("AddSession", "ssusb", "c1", "seat0", 1000, "ana", True)
    return mocked


@pytest.fixture
def watch(system_bus: MessageBus) -> Iterator[BusWatch]:
    with watching() as opened:
        assert len(opened.descriptors()) == 1, f"not connected to {system_bus.address}"
        settled(opened)
        yield opened


def emit(service: Mocked, interface: str, member: str, signature: str, *values: object) -> None:
    arguments = list(zip(signature, values, strict=True))
    service.mock("EmitSignal", "sssav", interface, member, signature, arguments)


def change(service: Mocked, interface: str, member: str, value: Variant, path: str = "") -> None:
    """Tell of a property that the mocked object itself need not have."""
    arguments = [("s", interface), ("a{sv}", {member: tuple(value)}), ("as", [])]
    told = (PROPERTIES, "PropertiesChanged", "sa{sv}as", arguments)
    service.mock("EmitSignal", "sssav", *told, path=path)


class TestLogind:
    def test_tells_a_session_that_is_locked(self, logind: Mocked, watch: BusWatch) -> None:
        logind.set(f"{LOGIND}.Session", "LockedHint", Variant("b", True), path=SESSION)
        assert hears(watch, LOGIND)

    def test_tells_a_session_that_is_idle(self, logind: Mocked, watch: BusWatch) -> None:
        logind.set(f"{LOGIND}.Session", "IdleHint", Variant("b", True), path=SESSION)
        assert hears(watch, LOGIND)

    @pytest.mark.parametrize("member", ["SessionNew", "SessionRemoved"])
    def test_tells_sessions_that_come_and_go(
        self, logind: Mocked, watch: BusWatch, member: str
    ) -> None:
        emit(logind, f"{LOGIND}.Manager", member, "so", "c2", f"{SESSION[:-1]}2")
        assert hears(watch, LOGIND)

    def test_tells_that_the_laptop_is_awake_again(self, logind: Mocked, watch: BusWatch) -> None:
        emit(logind, f"{LOGIND}.Manager", "PrepareForSleep", "b", True)
        heard = look(watch, lambda found: LOGIND in found.triggers)
        assert RESUME not in heard.triggers, "it goes to sleep"
        emit(logind, f"{LOGIND}.Manager", "PrepareForSleep", "b", False)
        assert hears(watch, RESUME)

    def test_a_change_of_what_nobody_reads_is_passed_over(
        self, logind: Mocked, watch: BusWatch
    ) -> None:
        logind.set(f"{LOGIND}.Session", "VTNr", Variant("u", 7), path=SESSION)
        emit(logind, f"{LOGIND}.Manager", "SessionNew", "so", "c2", f"{SESSION[:-1]}2")
        assert hears(watch, LOGIND)
        logind.set(f"{LOGIND}.Session", "VTNr", Variant("u", 8), path=SESSION)
        assert not look(watch, bool, 0.5)

    def test_that_starts_later_is_told(self, system_bus: MessageBus, watch: BusWatch) -> None:
        system_bus.logind()
        assert hears(watch, LOGIND)


class TestWifi:
    @pytest.fixture
    def manager(self, system_bus: MessageBus) -> Mocked:
        name, path = NETWORK_MANAGER, "/org/freedesktop/NetworkManager"
        mocked = system_bus.template("networkmanager", name, path)
        mocked.mock("AddWiFiDevice", "ssu", "wlan0", "wlan0", 30)
        return mocked

    def test_a_device_that_connects(self, manager: Mocked, watch: BusWatch) -> None:
        point = manager.mock(
            *("AddAccessPoint", "ssssuuuyu", WIFI, "office", "Office", "00:23:F8:7E:12:BB"),
            *(2, 2425, 5400, 82, 0x100),
        )
        profile = manager.mock("AddWiFiConnection", "ssss", WIFI, "office", "Office", "wpa-psk")
        look(watch, lambda _: False, 0.3)
        active = manager.mock("AddActiveConnection", "asossu", [WIFI], profile, point, "active", 2)
        assert hears(watch, NETWORK_MANAGER)
        look(watch, lambda _: False, 0.2)
        manager.mock("SetDeviceActive", "ss", WIFI, active)
        assert hears(watch, NETWORK_MANAGER)

    def test_roaming_to_another_access_point(self, manager: Mocked, watch: BusWatch) -> None:
        wireless = f"{NETWORK_MANAGER}.Device.Wireless"
        change(manager, wireless, "ActiveAccessPoint", Variant("o", "/another"), WIFI)
        assert hears(watch, NETWORK_MANAGER)

    def test_a_scan_is_passed_over(self, manager: Mocked, watch: BusWatch) -> None:
        look(watch, bool, 0.5)
        wireless = f"{NETWORK_MANAGER}.Device.Wireless"
        change(manager, wireless, "LastScan", Variant("x", 7), WIFI)
        assert not look(watch, bool, 0.5)

    @pytest.mark.parametrize(
        ("name", "interface", "member", "value"),
        [
            (IWD, f"{IWD}.Station", "ConnectedNetwork", Variant("o", "/net/connman/iwd/0/4/1")),
            (WPA_SUPPLICANT, f"{WPA_SUPPLICANT}.Interface", "CurrentBSS", Variant("o", "/bss/2")),
        ],
    )
    def test_other_services_that_connect(
        self,
        system_bus: MessageBus,
        watch: BusWatch,
        name: str,
        interface: str,
        member: str,
        value: Variant,
    ) -> None:
        service = system_bus.service(name, "/", interface)
        look(watch, lambda _: False, 0.2)
        change(service, interface, member, value)
        assert hears(watch, name)


class TestWhoIsBelieved:
    def forge(self, bus: MessageBus, to: str | None) -> None:
        """Send logind's words from a connection that is not logind's."""
        emitter = DBusAddress("/org/freedesktop/login1", interface=f"{LOGIND}.Manager")
        message = new_signal(emitter, "PrepareForSleep", "b", (False,))
        if to is not None:
            message.header.fields[HeaderFields.destination] = to
        with open_dbus_connection(bus.address) as connection:
            connection.send(message)

    def test_nobody_who_broadcasts_in_its_name(
        self, system_bus: MessageBus, logind: Mocked, watch: BusWatch
    ) -> None:
        self.forge(system_bus, None)
        assert not look(watch, bool, 0.5)

    def test_nobody_who_writes_to_this_socket_alone(
        self, system_bus: MessageBus, logind: Mocked
    ) -> None:
        before = names(system_bus)
        with watching() as opened:
            settled(opened)
            (own,) = names(system_bus) - before
            self.forge(system_bus, own)
            assert not look(opened, bool, 0.5)
            emit(logind, f"{LOGIND}.Manager", "PrepareForSleep", "b", False)
            assert hears(opened, RESUME), "the real one is believed"

    def test_nor_a_name_that_has_no_owner(self, system_bus: MessageBus, watch: BusWatch) -> None:
        self.forge(system_bus, None)
        assert not look(watch, bool, 0.5)


def names(bus: MessageBus) -> set[str]:
    the_bus = "org.freedesktop.DBus"
    listed = bus.call(the_bus, "/org/freedesktop/DBus", the_bus, "ListNames", "", ())
    return {name for name in listed if name.startswith(":")}


def test_it_says_which_names_it_delivers(watch: BusWatch) -> None:
    assert watch.delivers(LOGIND)
    assert watch.delivers(RESUME)
    assert not watch.delivers("usb")
    assert not watch.delivers(ROUTE)
    assert not watch.delivers(MOUNT)
    assert not watch.delivers("org.example.Other")
    assert watch.next_at() == NEVER


@pytest.mark.usefixtures("system_bus")
def test_what_happened_before_the_bus_agreed_is_looked_at_again() -> None:
    with watching() as opened:
        assert not opened.delivers(LOGIND)
        assert hears(opened, LOGIND)


def test_a_bus_that_ends_is_told_as_lost_and_found_again_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead_s = 0.0
    real = clocks.since_boot_s
    monkeypatch.setattr(clocks, "since_boot_s", lambda: real() + ahead_s)
    with running_bus(tmp_path) as bus:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.address)
        opened = BusWatch()
        settled(opened)
    heard = look(opened, lambda found: found.lost)
    assert heard.lost
    assert opened.descriptors() == ()
    assert not opened.delivers(LOGIND), "until it is back this is polled"
    assert opened.next_at() <= clocks.since_boot_s() + LONGEST_PAUSE_S
    with running_bus(tmp_path):
        ahead_s = LONGEST_PAUSE_S + 1
        assert hears(opened, LOGIND), "what changed in between is looked at"
        settled(opened)
    opened.close()


def test_without_a_bus_the_pauses_grow_to_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(clocks, "since_boot_s", lambda: now)
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/none")
    with watching() as opened:
        pauses = []
        for _ in range(9):
            pauses.append(opened.next_at() - now)
            now = opened.next_at()
            assert not opened.read()
            assert opened.descriptors() == ()
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]


@contextlib.contextmanager
def false_bus(folder: Path, *answers: bytes) -> Iterator[str]:
    """Give each of `answers` to one connection after another, and hang up."""
    path = folder / "false"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def serve() -> None:
            for answer in answers:
                with listening.accept()[0] as connection, contextlib.suppress(OSError):
                    connection.sendall(answer)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65_536):
                        pass

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"unix:path={path}"
        finally:
            thread.join(PATIENCE_S)
            assert not thread.is_alive(), "nobody connected to the false bus"
            path.unlink()


OK = b"OK 0123456789abcdef0123456789abcdef\r\n"


@pytest.mark.parametrize(
    "answer", [b"", b"REJECTED EXTERNAL\r\n", b"x" * 100_000, OK + b"garbage" * 10, OK]
)
def test_a_bus_that_is_none_is_left_and_tried_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    with false_bus(tmp_path, answer) as address:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
        with watching() as opened:
            assert look(opened, lambda found: found.lost).lost
            assert opened.descriptors() == ()
            assert opened.next_at() > clocks.since_boot_s()


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=80),
            st.tuples(
                st.sampled_from(["NameOwnerChanged", "PropertiesChanged", "PrepareForSleep"]),
                st.sampled_from(["org.freedesktop.DBus", ":1.3", LOGIND]),
                st.sampled_from(["s", "sss", "sa{sv}as", "b", "u", "v"]),
                st.binary(max_size=60),
            ).map(lambda each: crafted(*each)),
        ),
        max_size=6,
    )
)
def test_whatever_a_bus_says_nothing_is_raised(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes]
) -> None:
    folder = tmp_path_factory.mktemp("false")
    with (
        false_bus(folder, OK + b"".join(pieces)) as address,
        pytest.MonkeyPatch.context() as patched,
    ):
        patched.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
        with watching() as opened:
            assert look(opened, lambda found: found.lost).lost
            assert opened.descriptors() == ()


def crafted(member: str, sender: str, signature: str, body: bytes) -> bytes:
    """Return a signal whose body need not fit its signature."""
    emitter = DBusAddress("/org/freedesktop/login1", interface=f"{LOGIND}.Manager")
    message = new_signal(emitter, member, None, ())
    message.header.fields[HeaderFields.sender] = sender
    message.header.fields[HeaderFields.signature] = signature
    message.header.body_length = len(body)
    head = bytes(message.header.serialise(serial=3))
    return head + bytes(-len(head) % 8) + body


def test_it_never_waits(watch: BusWatch) -> None:
    began = time.monotonic()
    for _ in range(50):
        watch.read()
    assert time.monotonic() - began < 5.0
    assert os.get_blocking(watch.descriptors()[0]) is False
