"""Laptops that report as fast as they are answered, to a server that is killed meanwhile."""

import contextlib
import threading
import time
from dataclasses import dataclass, field

import httpx

from tests.support.example_readings import healthy, with_stick
from tests.support.running_server import RunningServer
from tests.support.signing_device import SigningDevice

PATIENCE_S = 60.0


@dataclass
class ReportingFleet:
    """Some laptops of one server.

    `answered` is the sequence of each one's last upload that was answered; `waiting` the upload
    that was not: it is sent again, byte for byte, as an agent does; `latest` its last response.
    """

    server: RunningServer
    laptops: list[SigningDevice]
    answered: dict[str, int] = field(default_factory=dict)
    waiting: dict[str, bytes] = field(default_factory=dict)
    latest: dict[str, httpx.Response] = field(default_factory=dict)

    @classmethod
    def enrolled(cls, server: RunningServer, size: int) -> "ReportingFleet":
        """Enrol so many laptops."""
        laptops = [SigningDevice(server.url) for _ in range(size)]
        with server.client() as client:
            for laptop in laptops:
                laptop.enroll(client, server.enroll_code())
        return cls(server, laptops, dict.fromkeys((each.device for each in laptops), 0))

    def total(self) -> int:
        """Return how many uploads were answered."""
        return sum(self.answered.values())

    def report_until_killed(self, at_least: int) -> None:
        """Let all of them report at once; kill the server after so many more answers."""
        threads = [threading.Thread(target=self._report, args=(each,)) for each in self.laptops]
        before = self.total()
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + PATIENCE_S
        while self.total() < before + at_least and time.monotonic() < deadline:
            time.sleep(0.002)
        self.server.kill()
        for thread in threads:
            thread.join()
        assert self.total() >= before + at_least, "expected: reports before the kill"

    def lost(self) -> int:
        """Return how many answered uploads are not stored, with the server down."""
        stored: dict[str, int] = dict(self.server.rows("SELECT device_id, sequence FROM ratchets"))
        return sum(max(0, number - stored.get(name, 0)) for name, number in self.answered.items())

    def more_than_answered(self) -> int:
        """Return how many uploads are stored of which nobody was told; one a laptop is right."""
        stored: dict[str, int] = dict(self.server.rows("SELECT device_id, sequence FROM ratchets"))
        return max(stored.get(name, 0) - number for name, number in self.answered.items())

    def go_on(self) -> list[int]:
        """Let each report once and return the statuses."""
        with self.server.client() as client:
            return [self._sent(laptop, client).status_code for laptop in self.laptops]

    def _report(self, laptop: SigningDevice) -> None:
        with contextlib.suppress(httpx.HTTPError), self.server.client() as client:
            while True:
                laptop.accept(self._sent(laptop, client).raise_for_status())
                del self.waiting[laptop.device]
                self.answered[laptop.device] = laptop.sequence

    def _sent(self, laptop: SigningDevice, client: httpx.Client) -> httpx.Response:
        if laptop.device not in self.waiting:
            readings = with_stick() if laptop.sequence % 3 else healthy()
            upload = laptop.upload(laptop.record(readings))
            self.waiting[laptop.device] = laptop.signed_upload(upload)
        response = laptop.send(client, self.waiting[laptop.device])
        self.latest[laptop.device] = response
        return response
