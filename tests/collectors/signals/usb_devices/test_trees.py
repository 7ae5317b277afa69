"""Arbitrary trees of USB devices against a slow look at what was plugged in.

Whatever hangs on which hub: what can type or store outside of the laptop fails, and no part of the
tree that can't be read lets anything pass that would not have passed.
"""

import base64
from collections.abc import Sequence
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.runner import OWN_ERROR, collect
from passmuster_collectors.signals.usb_devices import SIGNAL
from tests.support.recorded_host import RecordedHost
from tests.support.usb_tree import (
    ALL_KEYS,
    CONSUMER_REPORT,
    FIDO_REPORT,
    KEYBOARD_REPORT,
    MOUSE_BUTTONS,
    MOUSE_REPORT,
    VOLUME_KEYS,
    Device,
    Interface,
    hub,
    machine,
)

PARTS = {
    "boot keyboard": (Interface((3, 1, 1), KEYBOARD_REPORT, ALL_KEYS), True),
    "plain keyboard": (Interface((3, 0, 0), KEYBOARD_REPORT, ALL_KEYS), True),
    "disk": (Interface((8, 6, 0x50)), True),
    "camera": (Interface((6, 1, 1)), True),
    "mouse": (Interface((3, 1, 2), MOUSE_REPORT, MOUSE_BUTTONS), False),
    "volume keys": (Interface((3, 0, 0), CONSUMER_REPORT, VOLUME_KEYS), False),
    "security key": (Interface((3, 0, 0), FIDO_REPORT), False),
    "sound": (Interface((1, 1, 0)), False),
    "video": (Interface((14, 1, 0)), False),
}
PORTS = ["1-1", "1-2", "1-3", "1-4.1", "1-4.2", "1-4.3.1"]
HUBS = ("1-4", "1-4.3")

quietly = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)


class Plugged:
    """A device, and whether it needs IT's approval."""

    def __init__(self, device: Device, *, needs_approval: bool) -> None:
        self.device = device
        self.needs_approval = needs_approval


@st.composite
def plugged(draw: st.DrawFn) -> list[Plugged]:
    ports = draw(st.lists(st.sampled_from(PORTS), unique=True, max_size=5))
    found = []
    for number, port in enumerate(ports):
        names = draw(st.lists(st.sampled_from(sorted(PARTS)), min_size=1, max_size=3))
        # What is built in has one ability: an odd mixture is told wherever it sits.
        inside = draw(st.booleans()) and "." not in port and len(names) == 1
        device = Device(
            port,
            0x1234,
            0x1000 + number,
            f"Thing {number}",
            tuple(PARTS[name][0] for name in names),
            socket="hardwired" if inside else "hotplug",
        )
        matters = any(PARTS[name][1] for name in names)
        found.append(Plugged(device, needs_approval=matters and not inside))
    return found


def tree(things: Sequence[Plugged]) -> dict[str, Any]:
    hubs = [hub(port) for port in HUBS if any(t.device.port.startswith(port) for t in things)]
    return machine(*hubs, *(each.device for each in things))


def judged(recorded: dict[str, Any]) -> tuple[Outcome, set[str]]:
    (reading,) = collect(RecordedHost(recorded), [SIGNAL])
    assert reading.reason != OWN_ERROR, reading.sources
    findings = SIGNAL.judge(reading, SIGNAL.limits()).findings
    outcome = SIGNAL.judge(reading, SIGNAL.limits()).outcome
    return outcome, {each.details.get("ids", "") for each in findings}


@quietly
@given(plugged())
def test_everything_that_types_or_stores_outside_needs_approval_and_nothing_else(
    things: list[Plugged],
) -> None:
    outcome, named = judged(tree(things))
    wanted = {
        f"{each.device.vendor:04x}:{each.device.product_id:04x}"
        for each in things
        if each.needs_approval
    }
    assert outcome is (Outcome.FAIL if wanted else Outcome.PASS)
    assert named == wanted


@quietly
@given(plugged(), st.data())
def test_no_file_that_can_not_be_read_lets_anything_pass(
    things: list[Plugged], data: st.DataObject
) -> None:
    recorded = tree(things)
    before, _ = judged(recorded)
    path = data.draw(st.sampled_from(sorted(recorded["files"])))
    garbage = {"base64": base64.b64encode(b"\xff\xfe garbage \x00").decode()}
    broken = data.draw(
        st.sampled_from([{"error": "denied"}, {"error": "timeout"}, {"error": "conflict"}, garbage])
    )
    after, _ = judged({**recorded, "files": {**recorded["files"], path: broken}})
    assert after is not Outcome.PASS or before is Outcome.PASS, (path, broken)


@quietly
@given(plugged(), st.sampled_from(["denied", "timeout", "conflict"]))
def test_a_tree_that_is_not_listed_never_passes(things: list[Plugged], refusal: str) -> None:
    recorded = tree(things)
    recorded["directories"] = {"/sys/bus/usb/devices": {"error": refusal}}
    outcome, _ = judged(recorded)
    assert outcome is Outcome.UNKNOWN
