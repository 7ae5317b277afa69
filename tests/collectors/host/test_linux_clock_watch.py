"""The kernel's own word that the clock was set, which it also gives at each resume."""

import ctypes
import select
import time

import pytest

from passmuster_collectors.host.events import NEVER, RESUME
from passmuster_collectors.host.linux_clock_watch import ClockWatch
from tests.support.tools import missing


def test_it_wakes_up_each_time_that_the_clock_is_set() -> None:
    watch = ClockWatch()
    assert watch.delivers(RESUME)
    assert not watch.delivers("usb")
    assert watch.next_at() == NEVER
    for _ in range(3):
        ready, _, _ = select.select(watch.descriptors(), [], [], 0.0)
        assert not ready, "nobody has set the clock"
        try:
            # To what it says already: that counts as setting it, and harms nobody.
            time.clock_settime(time.CLOCK_REALTIME, time.clock_gettime(time.CLOCK_REALTIME))
        except PermissionError:
            missing("only root may set the clock")
        ready, _, _ = select.select(watch.descriptors(), [], [], 10.0)
        assert ready, "the kernel did not tell that the clock was set"
        assert not watch.read(), "it tells nothing, it wakes up"
    watch.close()
    assert watch.descriptors() == ()
    assert not watch.delivers(RESUME)


def test_a_look_for_nothing_does_not_wait() -> None:
    watch = ClockWatch()
    assert not watch.read()
    watch.close()


def test_without_such_a_timer_the_clocks_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    class WithoutTimers:
        @staticmethod
        def timerfd_create(_: int, __: int) -> int:
            return -1

    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: WithoutTimers)
    watch = ClockWatch()
    assert watch.descriptors() == ()
    assert not watch.delivers(RESUME)
    assert not watch.read()
    watch.close()
