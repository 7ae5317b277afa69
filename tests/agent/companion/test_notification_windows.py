"""The notification on Windows, with its functions simulated as shellapi.h documents them."""

import ctypes
from typing import Any

import pytest

from passmuster_agent.companion.messages import Notice, Silenced, Wrong
from passmuster_agent.companion.notification_windows import WindowsNotification, fitting
from passmuster_agent.windows.balloon import Balloon, Look, NotifyIconData
from passmuster_collectors.contract.verdict import Outcome, Remedy, Verdict

LOCK = Wrong(
    "screen_lock",
    "Screen lock",
    Outcome.FAIL,
    ("Your screen never locks.",),
    (Remedy(("Open Settings.", "Switch it on.")),),
)
BLOCKED = Notice(Verdict.NON_COMPLIANT, None, (LOCK,))
GRACE = Notice(Verdict.GRACE, None, (LOCK,))


class SimulatedTaskbar:
    """Keeps what it shows."""

    def __init__(self) -> None:
        self.told: list[tuple[int, NotifyIconData]] = []
        self.windows = 0
        self.has_taskbar = True

    def functions(self) -> dict[str, Any]:
        return {
            "CreateWindowExW": self._create,
            "DestroyWindow": self._destroy,
            "LoadIconW": lambda module, number: number if module is None else 0,
            "Shell_NotifyIconW": self._notify,
        }

    def _create(self, style: int, kind: str, name: str, *rest: Any) -> int:
        assert (style, kind, name) == (0, "STATIC", "Passmuster")
        assert rest[5] == 2**64 - 3, "a window for messages alone"
        self.windows += 1
        return 77

    def _destroy(self, window: int) -> int:
        assert window == 77
        self.windows -= 1
        return 1

    def _notify(self, what: int, place: Any) -> int:
        data = NotifyIconData.from_buffer_copy(bytes(place._obj))
        assert (data.cbSize, data.hWnd, data.uID) == (ctypes.sizeof(NotifyIconData), 77, 1)
        self.told.append((what, data))
        return int(self.has_taskbar)


def text_of(letters: Any) -> str:
    return bytes(letters).decode("utf-16-le").partition("\0")[0]


@pytest.fixture
def taskbar() -> SimulatedTaskbar:
    return SimulatedTaskbar()


@pytest.fixture
def notification(taskbar: SimulatedTaskbar) -> WindowsNotification:
    return WindowsNotification(Balloon(taskbar.functions()))


def test_says_what_is_wrong_and_how_to_fix_it(
    notification: WindowsNotification, taskbar: SimulatedTaskbar
) -> None:
    notification.show(BLOCKED)
    ((what, data),) = taskbar.told
    assert what == 0, "added"
    assert text_of(data.szInfoTitle) == "The helpdesk is closed for this laptop"
    assert text_of(data.szInfo).split("\n") == [
        "Your screen never locks.",
        "1. Open Settings.",
        "2. Switch it on.",
        "All of it: passmuster-agent status",
    ]
    assert data.dwInfoFlags == 0x83, "an error, in no quiet time"


def test_a_new_one_takes_the_place_of_the_one_before_and_it_goes_when_all_is_well(
    notification: WindowsNotification, taskbar: SimulatedTaskbar
) -> None:
    notification.show(BLOCKED)
    notification.show(GRACE)
    notification.show(None)
    notification.show(None)
    assert [what for what, _ in taskbar.told] == [0, 1, 2]
    assert taskbar.told[1][1].dwInfoFlags == 0x82, "a warning while there is time"
    assert taskbar.windows == 0
    notification.show(BLOCKED)
    assert taskbar.told[-1][0] == 0, "and comes again"


def test_that_this_laptop_can_t_report_is_told_too(
    notification: WindowsNotification, taskbar: SimulatedTaskbar
) -> None:
    notification.show(Silenced("The key is gone.", "Enrol again."))
    assert text_of(taskbar.told[0][1].szInfo).startswith("The key is gone.\nEnrol again.")


def test_a_desktop_that_shows_none_is_left_alone(
    notification: WindowsNotification, taskbar: SimulatedTaskbar
) -> None:
    taskbar.has_taskbar = False
    notification.show(BLOCKED)
    assert taskbar.windows == 0
    notification.show(None)


@pytest.mark.parametrize(
    ("lines", "room", "expected"),
    [
        (["one", "two", "all"], 11, "one\ntwo\nall"),
        (["one", "two", "all"], 10, "one\nall"),
        (["a long line", "two", "all"], 10, "a lon…\nall"),
        (["all"], 10, "all"),
        (["😀😀😀", "all"], 9, "😀😀…\nall"),
    ],
)
def test_what_does_not_fit_is_left_out_and_where_to_find_it_never(
    lines: list[str], room: int, expected: str
) -> None:
    assert fitting(lines, room) == expected


def test_no_letter_is_cut_through(taskbar: SimulatedTaskbar) -> None:
    balloon = Balloon(taskbar.functions())
    balloon.show("Passmuster", "x" * 62 + "😀", "y" * 400, Look.ERROR)
    data = taskbar.told[0][1]
    assert text_of(data.szInfoTitle) == "x" * 62
    assert text_of(data.szInfo) == "y" * 255
