"""Receivers, docks, headsets, security keys: what people plug in and out all day stays silent.

Each written machine is plugged in for a moment, pulled out, and plugged in again at once. IT has
approved what needs it by its ids, as it would for a model that it hands out.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.reading import Reading, ok
from passmuster_collectors.host.answers import UsbSighting
from passmuster_collectors.runner import collect
from passmuster_collectors.signals.usb_devices import SIGNAL
from passmuster_collectors.signals.usb_devices.facts import UsbDevice, UsbDevicesFacts
from passmuster_collectors.signals.usb_devices.remember import remember
from passmuster_collectors.signals.usb_devices.rule import KnownDevice, UsbLimits
from tests.support.recorded_host import load
from tests.support.tools import REPOSITORY

MACHINES = REPOSITORY / "tests" / "recordings" / "linux"
BENIGN = [
    "usb_built_in_only",
    "usb_dock",
    "usb_headset",
    "usb_mouse",
    "usb_phone_by_mtp",
    "usb_plain_keyboard",
    "usb_receiver",
    "usb_security_key",
    "usb_security_key_that_types",
]


def listed(name: str) -> tuple[Reading, tuple[UsbDevice, ...]]:
    (reading,) = collect(load(MACHINES / name / "machine.json"), [SIGNAL])
    return reading, codec.decode(UsbDevicesFacts, reading.facts).devices


@pytest.mark.parametrize("name", BENIGN)
@pytest.mark.parametrize("pauses_s", [(3, 0.5), (3, 5), (90, 0.5), (4000, 60)])
def test_it_comes_and_goes_in_silence(name: str, pauses_s: tuple[float, float]) -> None:
    first, devices = listed(name)
    approved = tuple(KnownDevice(each.vendor_id, each.product_id) for each in devices)
    limits = UsbLimits(known_devices=approved)
    now = first.collected_at
    memory: Any = None

    def lists(present: tuple[UsbDevice, ...], after_s: float, *, is_first: bool = False) -> None:
        nonlocal now, memory
        now += timedelta(seconds=after_s)
        going = present == ()
        heard = [
            UsbSighting(not going, each.port, each.vendor_id, each.product_id, at=now)
            for each in devices
        ]
        fresh = tuple(replace(each, attached_at=now) for each in present)
        taken = ok(SIGNAL.id, now, UsbDevicesFacts(fresh), [])
        reading, memory = remember(taken, memory, () if is_first else heard, is_first=is_first)
        assert SIGNAL.judge(reading, limits).findings == ()

    lists((), 0, is_first=True)
    for stays_s, pause_s in [pauses_s] * 3:
        lists(devices, pause_s)
        lists((), stays_s)
