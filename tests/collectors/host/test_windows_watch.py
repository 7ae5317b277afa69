"""What Windows announces, by simulated functions and real callbacks, sockets and threads."""

import select
from collections.abc import Iterator

import pytest

from passmuster_collectors.host.windows_watch import WindowsWatch, windows_watch
from tests.support.windows_announcements import SimulatedNotifications, SimulatedRegistry

LONG_S = 20.0
ANA = "S-1-5-21-1-2-3-1001"
POLICIES = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System"
DESKTOP = rf"HKU\{ANA}\Control Panel\Desktop"

# The first numbers of the interface classes, as the simulation keys them.
USB, HID, VOLUME, NET = (str(each) for each in (0xA5DCBF10, 0x4D1E55B2, 0x53F5630D, 0xCAC88484))


@pytest.fixture
def notifications() -> SimulatedNotifications:
    return SimulatedNotifications()


@pytest.fixture
def registry() -> SimulatedRegistry:
    found = SimulatedRegistry(POLICIES, DESKTOP)
    found.people = ["S-1-5-18", ANA, f"{ANA}_Classes"]
    return found


@pytest.fixture
def watch(
    notifications: SimulatedNotifications, registry: SimulatedRegistry
) -> Iterator[WindowsWatch]:
    opened = WindowsWatch(notifications.functions(), registry.functions())
    assert registry.armed.acquire(timeout=LONG_S)
    yield opened
    opened.close()


def heard(watch: WindowsWatch) -> frozenset[str]:
    assert select.select(watch.descriptors(), [], [], LONG_S)[0], "nothing was announced"
    return watch.read().triggers


@pytest.mark.parametrize(
    ("interface", "triggers"),
    [(USB, {"usb", "hid"}), (HID, {"hid"}), (VOLUME, {"block", "mount"}), (NET, {"net", "route"})],
)
def test_a_device_is_announced_as_what_it_touches(
    watch: WindowsWatch,
    notifications: SimulatedNotifications,
    interface: str,
    triggers: set[str],
) -> None:
    assert notifications.devices[interface](None, None, 0, None, 0) == 0
    assert heard(watch) == triggers


@pytest.mark.parametrize("function", ["NotifyRouteChange2", "NotifyUnicastIpAddressChange"])
def test_a_network_that_changes_is_announced(
    watch: WindowsWatch, notifications: SimulatedNotifications, function: str
) -> None:
    notifications.networks[function](None, None, 1)
    assert heard(watch) == {"route"}


@pytest.mark.parametrize("key", [POLICIES, DESKTOP])
def test_a_setting_that_changes_is_announced_every_time(
    watch: WindowsWatch, registry: SimulatedRegistry, key: str
) -> None:
    for _ in range(3):
        registry.change(key)
        assert heard(watch) == {"settings"}
        assert registry.armed.acquire(timeout=LONG_S)


@pytest.mark.usefixtures("watch")
def test_only_the_settings_of_people_are_waited_for(registry: SimulatedRegistry) -> None:
    assert registry.watched() == {POLICIES.lower(), DESKTOP.lower(), "hku"}


def test_whoever_logs_in_is_waited_for_from_then_on(
    watch: WindowsWatch, registry: SimulatedRegistry
) -> None:
    ben = "S-1-12-1-4-5-6-7"
    registry.people.append(ben)
    registry.keys.add(rf"HKU\{ben}\Control Panel\Desktop".lower())
    registry.change("HKU")
    assert heard(watch) == {"settings"}
    assert registry.armed.acquire(timeout=LONG_S)
    registry.change(rf"HKU\{ben}\Control Panel\Desktop")
    assert heard(watch) == {"settings"}


def test_a_key_that_appears_is_announced_at_the_next_look(
    monkeypatch: pytest.MonkeyPatch,
    notifications: SimulatedNotifications,
    registry: SimulatedRegistry,
) -> None:
    monkeypatch.setattr("passmuster_collectors.host.windows_settings_watch.AGAIN_S", 0.2)
    watch = WindowsWatch(notifications.functions(), registry.functions())
    try:
        assert registry.armed.acquire(timeout=LONG_S)
        registry.keys.add(r"HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services".lower())
        assert heard(watch) == {"settings"}
    finally:
        watch.close()


def test_all_of_it_is_delivered(watch: WindowsWatch) -> None:
    names = ("usb", "hid", "block", "mount", "net", "route", "settings")
    assert [name for name in names if not watch.delivers(name)] == []
    assert not watch.delivers("org.freedesktop.login1"), "services alone are told"


def test_closing_ends_every_registration_and_closes_every_handle(
    notifications: SimulatedNotifications, registry: SimulatedRegistry
) -> None:
    watch = WindowsWatch(notifications.functions(), registry.functions())
    assert registry.armed.acquire(timeout=LONG_S)
    watch.close()
    assert sorted(notifications.ended) == [1001, 1002, 1003, 1004, 2001, 2002]
    assert registry.open == 0
    assert not watch.delivers("settings")


def test_what_windows_refuses_is_polled(registry: SimulatedRegistry) -> None:
    refusing = SimulatedNotifications(USB, "NotifyRouteChange2")
    watch = WindowsWatch(refusing.functions(), registry.functions())
    try:
        delivered = {
            name
            for name in ("usb", "hid", "block", "mount", "net", "route")
            if watch.delivers(name)
        }
        assert delivered == {"block", "mount", "net"}, "keyboards come by both classes"
    finally:
        watch.close()


def test_a_windows_without_one_of_the_functions_still_announces_the_rest(
    notifications: SimulatedNotifications, registry: SimulatedRegistry
) -> None:
    functions = {
        name: function
        for name, function in notifications.functions().items()
        if not name.startswith("CM_")
    }
    watch = WindowsWatch(functions, registry.functions())
    try:
        names = ("usb", "block", "route", "settings")
        assert [name for name in names if watch.delivers(name)] == ["route", "settings"]
    finally:
        watch.close()


def test_elsewhere_nothing_is_announced() -> None:
    watch = windows_watch()
    assert not any(watch.delivers(name) for name in ("usb", "route", "settings"))
    watch.close()
