"""A laptop's reports while the server's disk is full; run on a small disk of its own.

    python -m tests.server.full_disk_scenario DIRECTORY

`test_full_disk.py` mounts a small tmpfs on DIRECTORY for this process alone and runs it there.
"""

import contextlib
import errno
import sys
from pathlib import Path

import httpx

from passmuster_collectors.contract.verdict import Verdict
from tests.support.example_readings import healthy, with_stick
from tests.support.running_server import running_server
from tests.support.signing_device import SigningDevice


def fill(path: Path) -> None:
    """Write until the kernel says that the disk is full."""
    size = 65_536
    with path.open("wb", buffering=0) as file:
        while size:
            try:
                file.write(b"x" * size)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                size //= 2


def refused_while_full(device: SigningDevice, client: httpx.Client, disk: Path) -> bytes:
    """Report until one does not fit, and return it. All before it were taken in."""
    for number in range(200):
        fill(disk / "ballast")
        readings = with_stick() if number % 2 else healthy()
        body = device.signed_upload(device.upload(device.record(readings)))
        response = device.send(client, body)
        if response.status_code != 200:
            assert response.status_code == 503, response.text
            assert response.json()["code"] == "overloaded"
            assert int(response.headers["Retry-After"]) > 0
            return body
        device.accept(response)
    raise AssertionError("the disk never became full")


def main(disk: Path) -> None:
    """Fill the disk, be refused, make room, be taken in."""
    with running_server(disk / "data") as server, server.client() as client:
        device = SigningDevice(server.url)
        device.enroll(client, server.enroll_code())
        assert device.report(client, healthy()).verdict is Verdict.COMPLIANT
        body = refused_while_full(device, client, disk)
        accepted = device.sequence
        again = device.send(client, body)
        assert again.status_code == 503, "expected: still refused, and not lost"
        assert client.get("/healthz").status_code == 200
        (disk / "ballast").unlink()
        response = device.send(client, body)
        assert response.status_code == 200, f"expected: the same report taken in: {response.text}"
        device.accept(response)
        assert device.sequence == accepted + 1
        server.kill()
        server.start()
        repeated = device.send(client, body)
        assert repeated.content == response.content, "expected: the very same answer after a kill"
        assert device.report(client, healthy()).verdict is Verdict.COMPLIANT
    with contextlib.suppress(FileNotFoundError):
        (disk / "ballast").unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
