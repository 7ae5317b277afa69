"""The portable enumerator: the real libusb that the product brings, below umockdev."""

import json
import subprocess
import sys
from pathlib import Path

from tests.support.tools import require_tool
from tests.support.usb_tree import Device, Interface, hub, umockdev

ENUMERATE = """
import json
from passmuster_collectors.host import this_host

found = this_host(bytes(32)).usb_devices()
print(json.dumps([[d.vendor_id, d.product_id, d.interfaces, d.port] for d in found]))
"""


def enumerated(tree: str, folder: Path) -> list[list[object]]:
    runner = require_tool("umockdev-run")
    description = folder / "machine.umockdev"
    description.write_text(tree, encoding="utf-8")
    done = subprocess.run(
        [runner, "--device", description, "--", sys.executable, "-c", ENUMERATE],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    found: list[list[object]] = json.loads(done.stdout)
    return sorted(found, key=str)


def test_devices_are_told_by_numbers_ports_and_interfaces(tmp_path: Path) -> None:
    interfaces = (Interface((2, 2, 0)), Interface((3, 0, 0)))
    board = Device("1-2.3", 0x2341, 0x8036, "Leonardo", interfaces)
    found = enumerated(umockdev(hub("1-2"), board), tmp_path)
    assert found == [
        [0x05E3, 0x0610, [[9, 0, 0]], [1, 2]],
        [0x1D6B, 0x0002, [[9, 0, 0]], [1]],
        [0x2341, 0x8036, [[2, 2, 0], [3, 0, 0]], [1, 2, 3]],
    ]


def test_a_bus_without_devices_has_its_root_hub_alone(tmp_path: Path) -> None:
    assert enumerated(umockdev(), tmp_path) == [[0x1D6B, 0x0002, [[9, 0, 0]], [1]]]
