"""The real Linux host on a real tree of files: what umockdev shows in place of /sys."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.tools import require_tool
from tests.support.usb_tree import (
    ALL_KEYS,
    CONSUMER_REPORT,
    KEYBOARD_REPORT,
    VOLUME_KEYS,
    Device,
    Interface,
    hub,
    umockdev,
)

READ = """
import json
from passmuster_collectors.contract import codec
from passmuster_collectors.host import this_host
from passmuster_collectors.runner import collect
from passmuster_collectors.signals.usb_devices import SIGNAL

host = this_host(bytes(32))
(reading,) = collect(host, [SIGNAL])
judgement = SIGNAL.judge(reading, SIGNAL.limits())
found = [finding.problem for finding in judgement.findings]
print(json.dumps({"reading": codec.encode(reading), "problems": found}))
"""


def read_below(tree: str, folder: Path) -> dict[str, Any]:
    """Return what the reader says where /sys is that tree."""
    runner = require_tool("umockdev-run")
    description = folder / "machine.umockdev"
    description.write_text(tree, encoding="utf-8")
    done = subprocess.run(
        [runner, "--device", description, "--", sys.executable, "-c", READ],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_a_board_that_types_is_seen_through_the_kernels_files(tmp_path: Path) -> None:
    board = Device(
        "1-2",
        *(0x2341, 0x8036),
        "Arduino Leonardo",
        (
            Interface((2, 2, 0), files={"tty/ttyACM0/dev": "166:0"}),
            Interface((3, 0, 0), KEYBOARD_REPORT, ALL_KEYS),
        ),
        serial="HIDAF",
    )
    answer = read_below(umockdev(board), tmp_path)
    assert answer["reading"]["status"] == "ok"
    (found,) = answer["reading"]["facts"]["devices"]
    assert (found["keyboard"], found["location"]) == (True, "external")
    assert answer["problems"] == ["keyboard_and_serial", "known_attack_id", "unknown_keyboard"]


def test_a_headset_behind_a_hub_stays_silent(tmp_path: Path) -> None:
    headset = Device(
        "1-3.1",
        *(0x0B0E, 0x0306),
        "Evolve2 40",
        (Interface((1, 1, 0)), Interface((3, 0, 0), CONSUMER_REPORT, VOLUME_KEYS)),
    )
    answer = read_below(umockdev(hub("1-3"), headset), tmp_path)
    assert [each["name"] for each in answer["reading"]["facts"]["devices"]] == ["Evolve2 40"]
    assert answer["problems"] == []


def test_a_tree_without_a_device_passes(tmp_path: Path) -> None:
    answer = read_below(umockdev(), tmp_path)
    assert (answer["reading"]["status"], answer["problems"]) == ("ok", [])
