"""Laptops that report to a real server: healthy as recorded, or with one thing wrong."""

import dataclasses
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache

import httpx

from passmuster_collectors.contract.reading import Reading
from passmuster_collectors.runner import collect
from passmuster_collectors.signals import CATALOG
from tests.support import recorded_host
from tests.support.running_server import RunningServer
from tests.support.signing_device import SigningDevice
from tests.support.tools import REPOSITORY

MACHINES = REPOSITORY / "tests" / "recordings" / "linux"

ONLY_USB = "".join(
    f'[signals.{signal.id}]\nseverity = "{"block" if signal.id == "usb_devices" else "warn"}"\n'
    for signal in CATALOG
)
"""A policy for tests that are about the gate: one signal shuts it, whatever else is read."""


@cache
def _recorded(machine: str) -> tuple[Reading, ...]:
    return collect(recorded_host.load(MACHINES / machine / "machine.json"), CATALOG)


def readings_of(machine: str) -> tuple[Reading, ...]:
    """Return what every signal reads on a recorded machine, as if it were read now."""
    now = datetime.now(UTC)
    return tuple(dataclasses.replace(each, collected_at=now) for each in _recorded(machine))


def healthy() -> tuple[Reading, ...]:
    """Return the readings of a laptop with nothing wrong."""
    return readings_of("healthy_laptop")


def with_changed(*changed: Reading) -> tuple[Reading, ...]:
    """Return the readings of a healthy laptop with these in place of its own."""
    by_signal = {reading.signal: reading for reading in changed}
    return tuple(by_signal.get(reading.signal, reading) for reading in healthy())


def with_usb_stick() -> tuple[Reading, ...]:
    """Return the readings of a laptop with a stick that IT does not know."""
    return with_changed(
        *(each for each in readings_of("usb_stick") if each.signal == "usb_devices")
    )


def enrolled(
    server: RunningServer,
    client: httpx.Client,
    owner: str = "ana@example.com",
    readings: Iterable[Reading] | None = None,
    **device: str,
) -> SigningDevice:
    """Enrol a laptop and, where `readings` are given, let it report them."""
    laptop = SigningDevice(server.url, **{"computer_name": "ana-laptop", **device})  # type: ignore[arg-type]
    laptop.enroll(client, server.enroll_code(owner))
    if readings is not None:
        laptop.report(client, readings)
    return laptop
