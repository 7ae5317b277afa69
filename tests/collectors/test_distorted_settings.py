"""Whatever lies in Windows' registry or power scheme, no reader stumbles or lets it pass.

Every recorded PC is read with one of its settings of another type, out of range, cut or garbled.
"""

import base64
import copy
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.runner import OWN_ERROR, collect
from passmuster_collectors.signals import signal_by_id
from tests.support.recorded_host import RecordedHost
from tests.support.recorded_refusal import is_refusal
from tests.support.tools import REPOSITORY

MACHINES = REPOSITORY / "tests" / "recordings" / "windows"
LETS_IN = {Outcome.PASS, Outcome.NOT_APPLICABLE}

often = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)

GARBAGE: st.SearchStrategy[Any] = st.one_of(
    st.binary(max_size=40).map(lambda data: {"base64": base64.b64encode(data).decode()}),
    # No digits: a setting that says another number has simply been changed.
    st.text("abc x%.,-\\ä", max_size=40),
    st.lists(st.text(max_size=10), max_size=3),
    st.integers(min_value=2**33, max_value=2**64 - 1),
    st.integers(max_value=-1, min_value=-(2**63)),
)


def cases(*, letting_in: bool) -> list[Any]:
    return [
        pytest.param(path.parent / "machine.json", name, id=f"{path.parent.name}-{name}")
        for path in sorted(MACHINES.glob("*/expected.json"))
        for name, expected in json.loads(path.read_text(encoding="utf-8")).items()
        if (expected["outcome"] in LETS_IN) is letting_in
        and list(places(json.loads((path.parent / "machine.json").read_text(encoding="utf-8"))))
    ]


def places(machine: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield section, key and name of every setting."""
    for section in ("registry", "power_settings"):
        for key, values in machine.get(section, {}).items():
            if not is_refusal(values):
                yield from ((section, key, name) for name in values)


def distorted(machine: Mapping[str, Any], data: st.DataObject) -> Mapping[str, Any]:
    section, key, name = data.draw(st.sampled_from(list(places(machine))))
    changed: dict[str, Any] = copy.deepcopy(dict(machine))
    numbers = st.integers(min_value=2**33, max_value=2**64 - 1)
    changed[section][key][name] = data.draw(GARBAGE if section == "registry" else numbers)
    return changed


def outcome(machine: Mapping[str, Any], name: str) -> Outcome:
    signal = signal_by_id(name)
    (reading,) = collect(RecordedHost(machine), [signal])
    assert reading.reason != OWN_ERROR, reading.sources
    return signal.judge(reading, signal.limits()).outcome


@pytest.mark.parametrize(("path", "name"), cases(letting_in=False))
@often
@given(data=st.data())
def test_no_garbled_setting_turns_a_machine_into_one_that_passes(
    path: Path, name: str, data: st.DataObject
) -> None:
    machine = json.loads(path.read_text(encoding="utf-8"))
    changed = distorted(machine, data)
    assert outcome(changed, name) not in LETS_IN, changed


@pytest.mark.parametrize(("path", "name"), cases(letting_in=True))
@often
@given(data=st.data())
def test_no_setting_makes_a_reader_stumble(path: Path, name: str, data: st.DataObject) -> None:
    outcome(distorted(json.loads(path.read_text(encoding="utf-8")), data), name)
