"""Clocks that nobody can set, and which boot this is."""

import sys
import time
from pathlib import Path


def since_boot_s() -> float:
    """Return seconds since boot, time asleep included where the system can tell."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    if sys.platform == "darwin":
        # mach_continuous_time, which counts sleep; time.monotonic() is mach_absolute_time there.
        return time.clock_gettime(time.CLOCK_MONOTONIC_RAW)
    return time.monotonic()


def asleep_s() -> float:
    """Return how many of the seconds since boot this machine slept; 0 where it can't tell."""
    return since_boot_s() - time.monotonic()


def boot_id() -> str:
    """Return the same text for as long as this machine runs and another one after each boot.

    Linux: `/proc/sys/kernel/random/boot_id` (random(4)); elsewhere the second in which it booted.
    """
    if sys.platform == "linux":
        try:
            return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()[:64]
        except OSError:
            return "unknown"
    import psutil  # noqa: PLC0415 - Linux does without it

    return f"booted-{int(psutil.boot_time())}"
