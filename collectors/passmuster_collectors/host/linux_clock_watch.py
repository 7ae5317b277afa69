"""Waking up when the laptop does, without asking a clock every other second.

The kernel cancels a timer on the wall clock when that clock is set, and sets it itself when it
resumes: timerfd_create(2), TFD_TIMER_CANCEL_ON_SET, and `timerfd_resume` in fs/timerfd.c. Python
has the call from 3.13 on.
"""

import ctypes
import errno
import os
import sys

from passmuster_collectors.host.events import NEVER, RESUME, Events

assert sys.platform == "linux"  # noqa: S101 - the type checker reads it too

# include/uapi/linux/time.h, include/uapi/linux/timerfd.h
CLOCK_REALTIME = 0
ABSOLUTE = 1
CANCEL_ON_SET = 2
FAR_AWAY_S = (1 << 31) - 1
"""2038: a time that 32-bit kernels know as well."""

FURTHER_AWAY_S = 1 << 40


class _Time(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Timer(ctypes.Structure):
    _fields_ = (("interval", _Time), ("first", _Time))


class ClockWatch:
    """Becomes readable when the wall clock jumps, which it does at each resume.

    It tells nothing itself: whoever waits wakes up and asks `clocks.asleep_s`.
    """

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._timer = self._open()

    def descriptors(self) -> tuple[int, ...]:
        """Return the timer, if the kernel gave one."""
        return () if self._timer is None else (self._timer,)

    def delivers(self, trigger: str) -> bool:
        """Whether it wakes up at a resume."""
        return trigger == RESUME and self._timer is not None

    def next_at(self) -> float:
        """Return that there is nothing to do without an event."""
        return NEVER

    def read(self) -> Events:
        """Arm it again."""
        if self._timer is not None:
            try:
                os.read(self._timer, 8)
            except BlockingIOError:
                return Events()
            except OSError as error:
                if error.errno != errno.ECANCELED:
                    raise
            if not self._arm(self._timer):
                self.close()
        return Events()

    def close(self) -> None:
        """Close the timer."""
        if self._timer is not None:
            os.close(self._timer)
            self._timer = None

    def _open(self) -> int | None:
        try:
            timer = int(self._libc.timerfd_create(CLOCK_REALTIME, os.O_NONBLOCK | os.O_CLOEXEC))
        except AttributeError:  # a C library without it
            return None
        if timer < 0:
            return None
        if self._arm(timer):
            return timer
        os.close(timer)
        return None

    def _arm(self, timer: int) -> bool:
        seconds = FURTHER_AWAY_S if ctypes.sizeof(ctypes.c_long) == 8 else FAR_AWAY_S
        setting = _Timer(first=_Time(seconds, 0))
        flags = ABSOLUTE | CANCEL_ON_SET
        # A clock that was set in between cancels this call as well; the second one counts.
        return any(
            self._libc.timerfd_settime(timer, flags, ctypes.byref(setting), None) == 0
            or ctypes.get_errno() == errno.ECANCELED
            for _ in range(2)
        )
