"""The kernel's own table of a mapped device outweighs the name that the device was given."""

import json
from typing import Any

import pytest

from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.runner import collect
from passmuster_collectors.signals.disk_encryption import SIGNAL
from tests.support.recorded_host import RecordedHost
from tests.support.tools import REPOSITORY

MACHINE = REPOSITORY / "tests/recordings/linux/disk_luks_root_and_swap/machine.json"
TABLE = "DMSETUP table --manglename none"


def outcome(machine: dict[str, Any]) -> Outcome:
    (reading,) = collect(RecordedHost(machine), [SIGNAL])
    return SIGNAL.judge(reading, SIGNAL.limits()).outcome


@pytest.mark.parametrize("target", ["linear 259:3 32768", "error", "zero"])
def test_a_volume_named_luks_whose_table_does_not_encrypt_never_passes(target: str) -> None:
    machine = json.loads(MACHINE.read_text(encoding="utf-8"))
    assert outcome(machine) is Outcome.PASS
    lines = machine["programs"][TABLE]["stdout"].splitlines()
    replaced = [f"luks-root: 0 999292928 {target}", *lines[1:]]
    machine["programs"][TABLE]["stdout"] = "\n".join(replaced) + "\n"
    assert outcome(machine) is Outcome.UNKNOWN
