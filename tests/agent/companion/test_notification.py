"""The notification on a desktop, on a real bus with a mocked notification daemon."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from passmuster_agent.companion.messages import Notice, Silenced, Wrong
from passmuster_agent.companion.notification import DesktopNotification
from passmuster_agent.companion.wording import body_lines
from passmuster_collectors.contract.verdict import Outcome, Remedy, Verdict
from passmuster_collectors.host.linux import LinuxHost
from tests.support.message_bus import MessageBus, Mocked, running_bus

NAME = "org.freedesktop.Notifications"
PATH = "/org/freedesktop/Notifications"
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
NEVER_LOCKS = Wrong(
    "screen_lock",
    "Screen lock",
    Outcome.FAIL,
    ("Your screen never locks.",),
    (Remedy(("Open Settings.", "Switch it on.")),),
)
STICK = Wrong("usb_devices", "USB", Outcome.FAIL, ('A stick "<b>Free & fun</b>\x1b".',), ())
BLOCKED = Notice(Verdict.NON_COMPLIANT, None, (NEVER_LOCKS,))
GRACE = Notice(Verdict.GRACE, NOW + timedelta(hours=23, minutes=30), (NEVER_LOCKS,))

Desktop = Callable[[str], Mocked]


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MessageBus]:
    with running_bus(tmp_path) as running:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", running.address)
        yield running


@pytest.fixture
def desktop(bus: MessageBus) -> Desktop:
    return lambda capabilities: bus.template(
        "notification_daemon", NAME, PATH, capabilities=capabilities
    )


@pytest.fixture
def notification() -> DesktopNotification:
    return DesktopNotification(LinuxHost(b"a key for this test"))


def calls(daemon: Mocked, member: str) -> list[Any]:
    return [arguments for _, arguments in daemon.mock("GetMethodCalls", "s", member)]


def test_says_what_is_wrong_and_how_to_fix_it(
    desktop: Desktop, notification: DesktopNotification
) -> None:
    daemon = desktop("body")
    notification.show(BLOCKED)
    ((_, _, icon, title, body, _, hints, _),) = [
        [value for _, value in arguments] for arguments in calls(daemon, "Notify")
    ]
    assert (icon, title) == ("security-low", "The helpdesk is closed for this laptop")
    assert body.splitlines() == [
        "Your screen never locks.",
        "1. Open Settings.",
        "2. Switch it on.",
        "All of it: passmuster-agent status",
    ]
    assert hints["urgency"] == ("y", 2)


def test_says_that_nothing_can_be_reported_and_what_to_do(
    desktop: Desktop, notification: DesktopNotification
) -> None:
    daemon = desktop("body")
    notification.show(Silenced("The TPM has been cleared.", "Enrol this laptop again."))
    ((_, _, icon, title, body, _, hints, _),) = [
        [value for _, value in arguments] for arguments in calls(daemon, "Notify")
    ]
    assert (icon, title) == (
        "security-low",
        "This laptop can't report any more: the helpdesk will close",
    )
    assert body.splitlines() == [
        "The TPM has been cleared.",
        "Enrol this laptop again.",
        "All of it: passmuster-agent status",
    ]
    assert hints["urgency"] == ("y", 2), "it stays until it is dismissed"


def test_the_next_one_takes_its_place_and_it_goes_when_all_is_well(
    desktop: Desktop, notification: DesktopNotification
) -> None:
    daemon = desktop("body")
    for notice in (GRACE, BLOCKED, None, BLOCKED):
        notification.show(notice)
    replaced = [arguments[1][1] for arguments in calls(daemon, "Notify")]
    assert replaced == [0, 1, 0]
    assert [arguments[0][1] for arguments in calls(daemon, "CloseNotification")] == [1]


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ("body body-markup", 'A stick "&lt;b&gt;Free &amp; fun&lt;/b&gt;·".'),
        ("body", 'A stick "<b>Free & fun</b>·".'),
    ],
)
def test_a_name_that_a_device_chose_is_text_and_nothing_else(
    desktop: Desktop, notification: DesktopNotification, capabilities: str, expected: str
) -> None:
    daemon = desktop(capabilities)
    notification.show(Notice(Verdict.NON_COMPLIANT, None, (STICK,)))
    ((*_, body, _, _, _),) = [
        [value for _, value in arguments] for arguments in calls(daemon, "Notify")
    ]
    assert body.splitlines()[0] == expected


@pytest.mark.usefixtures("bus")
def test_a_desktop_that_shows_none_is_left_alone(notification: DesktopNotification) -> None:
    notification.show(BLOCKED)
    notification.show(None)


def test_tells_the_time_that_is_left() -> None:
    assert any(line.startswith("Time left: 23 hours, until") for line in body_lines(GRACE, NOW))
    late = NOW + timedelta(days=2)
    assert not any("Time left" in line for line in body_lines(GRACE, late))


def test_of_many_things_it_names_a_few() -> None:
    lines = list(body_lines(Notice(Verdict.NON_COMPLIANT, None, (NEVER_LOCKS,) * 5), NOW))
    assert lines.count("Your screen never locks.") == 3
    assert "… and 2 more." in lines
