"""Unknown is never a pass: every reader in the catalog on machines whose sources refuse.

Every machine in `tests/recordings` is read again with each of its sources denied, missing, late,
contradictory or full of garbage.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.reading import Reading, Status
from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.runner import OWN_ERROR, collect
from passmuster_collectors.signals import CATALOG, signal_by_id
from passmuster_collectors.signals.signal import Signal
from tests.support.recorded_host import RecordedHost
from tests.support.refusals import REFUSALS, mutations, refusing_host
from tests.support.tools import REPOSITORY

MACHINES = REPOSITORY / "tests" / "recordings"
LETS_IN = {Outcome.PASS, Outcome.NOT_APPLICABLE}

READERS = [
    pytest.param(signal, platform, id=f"{signal.id}-{platform}")
    for signal in CATALOG
    for platform, reader in signal.readers.items()
    if reader is not None
]


def cases() -> list[Any]:
    return [
        pytest.param(path.parent / "machine.json", name, id=f"{path.parent.name}-{name}")
        for path in sorted(MACHINES.glob("*/*/expected.json"))
        for name in json.loads(path.read_text(encoding="utf-8"))
    ]


def read(machine: Mapping[str, Any], signal: Signal[Any, Any]) -> Reading:
    (reading,) = collect(RecordedHost(machine), [signal])
    return reading


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize(("signal", "platform"), READERS)
def test_a_machine_that_answers_nothing_is_unknown(
    signal: Signal[Any, Any], platform: Platform, refusal: str
) -> None:
    (reading,) = collect(refusing_host(platform, refusal), [signal])
    assert reading.reason != OWN_ERROR, reading.sources
    assert reading.status is Status.UNAVAILABLE
    assert reading.reason, "a worker is told why"
    assert signal.judge(reading, signal.limits()).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(("signal", "platform"), READERS)
def test_a_machine_of_which_nothing_is_recorded_never_passes(
    signal: Signal[Any, Any], platform: Platform
) -> None:
    reading = read({"platform": platform.value}, signal)
    assert reading.reason != OWN_ERROR, reading.sources
    assert signal.judge(reading, signal.limits()).outcome is not Outcome.PASS


@pytest.mark.parametrize(("path", "name"), cases())
def test_no_source_that_goes_wrong_opens_the_gate(path: Path, name: str) -> None:
    signal = signal_by_id(name)
    machine = json.loads(path.read_text(encoding="utf-8"))
    before = signal.judge(read(machine, signal), signal.limits()).outcome
    opened = []
    for mutation in mutations(machine):
        reading = read(mutation.machine, signal)
        after = signal.judge(reading, signal.limits()).outcome
        where = f"{mutation.how}: {mutation.source}"
        assert reading.reason != OWN_ERROR, f"{where}: {reading.sources}"
        # What is missing may be missing for good: a setting that nobody made is its default.
        if mutation.how != "missing" and before not in LETS_IN and after in LETS_IN:
            opened.append(f"{where}: {before} became {after}")
    assert opened == []
