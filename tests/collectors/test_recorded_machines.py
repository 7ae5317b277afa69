"""Whole machines that we wrote ourselves, read and judged from end to end.

`tests/recordings/<platform>/<machine>/machine.json` is the machine (see
`tests/support/recorded_host.py`); `expected.json` says for each signal that the machine is about:
`status`, `outcome` under the default limits, `problems` in order and, where given, all `facts`.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.runner import collect
from passmuster_collectors.signals import signal_by_id
from tests.support.recorded_host import load
from tests.support.tools import REPOSITORY

MACHINES = REPOSITORY / "tests" / "recordings"


def expectations() -> list[Any]:
    return [
        pytest.param(path.parent, signal, expected, id=f"{path.parent.name}-{signal}")
        for path in sorted(MACHINES.glob("*/*/expected.json"))
        for signal, expected in json.loads(path.read_text(encoding="utf-8")).items()
    ]


@pytest.mark.parametrize(("machine", "name", "expected"), expectations())
def test_the_machine_is_read_and_judged_as_expected(
    machine: Path, name: str, expected: dict[str, Any]
) -> None:
    signal = signal_by_id(name)
    (reading,) = collect(load(machine / "machine.json"), [signal])
    judgement = signal.judge(reading, signal.limits())
    found = {
        "status": str(reading.status),
        "outcome": str(judgement.outcome),
        "problems": [each.problem for each in judgement.findings],
        "facts": reading.facts,
    }
    assert found == {"facts": reading.facts, **expected}, (reading.reason, reading.sources)


@pytest.mark.parametrize(("machine", "name", "expected"), expectations())
def test_every_finding_has_words_for_the_worker_for_it_and_for_each_system(
    machine: Path, name: str, expected: dict[str, Any]
) -> None:
    signal = signal_by_id(name)
    (reading,) = collect(load(machine / "machine.json"), [signal])
    findings = signal.judge(reading, signal.limits()).findings
    assert len(findings) == len(expected["problems"])
    for found in findings:
        remedies = [signal.remedy(found, platform) for platform in Platform]
        steps = [step for remedy in remedies if remedy is not None for step in remedy.steps]
        for text in (signal.worker_text(found), signal.admin_text(found), *steps):
            assert text.strip()
            assert "{" not in text, "a placeholder is left over"


def test_every_machine_says_what_is_expected_of_it() -> None:
    silent = [
        path.parent.name
        for path in MACHINES.glob("*/*/machine.json")
        if not (path.parent / "expected.json").exists()
    ]
    assert silent == []
