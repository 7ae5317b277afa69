"""A machine that was recorded answers as the one it was recorded from."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from passmuster_agent.recording.machine import machine
from passmuster_agent.recording.record import read_patiently
from passmuster_collectors.contract.reading import Reading
from passmuster_collectors.host import this_host
from passmuster_collectors.host.base import Host
from passmuster_collectors.host.recording import Asked, recording
from passmuster_collectors.runner import collect
from passmuster_collectors.signals import CATALOG
from tests.support.recorded_host import RecordedHost
from tests.support.tools import REPOSITORY

KEY = b"the key of a test"
MACHINES = sorted((REPOSITORY / "tests" / "recordings").glob("*/*/machine.json"))


def recorded(
    host: Host, read: Callable[[Host], tuple[Reading, ...]]
) -> tuple[tuple[Reading, ...], dict[str, Any]]:
    """Return the readings of a machine, and the recording that was made of them."""
    notes: list[Asked] = []
    readings = read(recording(host, notes, lambda _: False))
    # As a file has it.
    return readings, json.loads(json.dumps(machine(host, notes)))


def essence(readings: tuple[Reading, ...]) -> list[Any]:
    """Return the readings without the time, and without words on why something is missing."""
    return [
        (
            each.signal,
            each.status,
            each.reason,
            each.facts,
            # A recorded bus says less of which of its parts is missing.
            {(source.name.partition(" ")[0], source.outcome) for source in each.sources},
        )
        for each in readings
    ]


@pytest.mark.parametrize("path", MACHINES, ids=lambda path: path.parent.name)
def test_a_recording_of_a_recording_reads_the_same(path: Path) -> None:
    first = RecordedHost(json.loads(path.read_text(encoding="utf-8")), hash_key=KEY)
    readings, made = recorded(first, lambda host: collect(host, CATALOG))
    again = collect(RecordedHost(made, hash_key=KEY), CATALOG)
    assert essence(again) == essence(readings)


def test_a_recording_of_this_machine_reads_the_same() -> None:
    readings, made = recorded(this_host(KEY), read_patiently)
    again = collect(RecordedHost(made, hash_key=KEY), CATALOG, deadline_s=60)
    assert essence(again) == essence(readings)
