import time
from pathlib import Path

import pytest

from passmuster_collectors.host import clocks
from tests.support.tools import missing


def test_time_since_boot_is_the_kernels() -> None:
    uptime = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
    assert clocks.since_boot_s() == pytest.approx(uptime, abs=1.0)


def test_a_machine_that_is_awake_does_not_sleep() -> None:
    before = clocks.asleep_s()
    time.sleep(0.05)
    assert clocks.asleep_s() - before < 0.01


def test_the_boot_id_is_the_kernels() -> None:
    if not Path("/proc/sys/kernel/random/boot_id").exists():
        missing("this kernel has no boot id")
    found = clocks.boot_id()
    assert len(found) == 36
    assert found == clocks.boot_id()
