"""A machine that was recorded answers as the one it was recorded from."""

import json
from pathlib import Path
from typing import Any

import pytest

from passmuster_agent.recording.machine import LISTS, Draft, machine
from passmuster_collectors.contract.platform import Platform
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


def recorded(host: Host) -> tuple[tuple[Reading, ...], dict[str, Any]]:
    """Return the readings of a machine, and the recording that was made of them."""
    notes: list[Asked] = []
    readings = collect(recording(host, notes, lambda _: False), CATALOG)
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
    readings, made = recorded(first)
    again = collect(RecordedHost(made, hash_key=KEY), CATALOG)
    assert essence(again) == essence(readings)


def test_a_recording_of_this_machine_reads_the_same() -> None:
    readings, made = recorded(this_host(KEY))
    again = collect(RecordedHost(made, hash_key=KEY), CATALOG)
    assert essence(again) == essence(readings)


def test_every_question_that_can_be_asked_has_a_place_in_a_recording() -> None:
    without_answer = {"platform", "uid", "now", "keyed_hash"}
    questions = {name for name in dir(Host) if not name.startswith("_")} - without_answer
    assert questions == set(Draft(Platform.LINUX).writers) | LISTS
