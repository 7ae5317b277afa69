"""A USB bus made by umockdev, in which devices appear while a program runs.

The program sees the bus in /sys and hears of it over netlink; umockdev puts itself between the
program and the C library, so the program is unchanged.
"""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.tools import require_system_python, require_tool
from tests.support.usb_tree import Device, umockdev

# Reads commands: "add", a path, and a description that ends with a line of a single dot.
SCRIPT = """
import os, subprocess, sys
import gi
gi.require_version("UMockdev", "1.0")
from gi.repository import UMockdev

bed = UMockdev.Testbed.new()
def description():
    return "".join(iter(sys.stdin.readline, ".\\n"))
bed.add_from_string(description())
command = sys.argv[1:]
with open(os.environ.pop("PROGRAM_LOG"), "wb") as log:
    program = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
try:
    for line in sys.stdin:
        path = line.strip()
        bed.add_from_string(description())
        bed.uevent(path, "add")
finally:
    program.terminate()
    program.wait(20)
"""


class UmockdevStage:
    """Devices can be plugged in while the program runs."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def plug_in(self, device: Device) -> None:
        """Let the device appear on the bus, and say so as the kernel does."""
        self._write(device.path, umockdev(device).partition("\n\n")[2], ".")

    def _write(self, *lines: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("".join(f"{line}\n" for line in lines))
        self._process.stdin.flush()


@contextmanager
def umockdev_stage(command: Sequence[str], log: Path, *present: Device) -> Iterator[UmockdevStage]:
    """Run `command` on a bus with the devices `present`; it is stopped at the end."""
    python = require_system_python("gi.repository.UMockdev")
    wrapper = require_tool("umockdev-wrapper")
    with subprocess.Popen(
        [str(wrapper), str(python), "-c", SCRIPT, *command],
        stdin=subprocess.PIPE,
        env={**os.environ, "PROGRAM_LOG": str(log)},
        text=True,
    ) as process:
        stage = UmockdevStage(process)
        stage._write(umockdev(*present), ".")
        try:
            yield stage
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(timeout=30)
