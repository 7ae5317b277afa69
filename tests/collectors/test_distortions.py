"""Whatever becomes of a source's output, no reader stumbles over it and none lets it pass.

Every recorded Mac and PC is read with one of its outputs cut, reordered, translated, garbled or
lost.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passmuster_collectors.contract.reading import Reading
from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.host.answers import Completed
from passmuster_collectors.host.commands import Program
from passmuster_collectors.runner import OWN_ERROR, collect
from passmuster_collectors.signals import signal_by_id
from tests.support.distortions import DISTORTIONS, LOSSES, Place, places
from tests.support.recorded_host import RecordedHost
from tests.support.recorded_windows import program_line
from tests.support.tools import REPOSITORY

MACHINES = REPOSITORY / "tests" / "recordings"
LETS_IN = {Outcome.PASS, Outcome.NOT_APPLICABLE}

# They tell whether a program holds the lock off, which says nothing about when it is due.
SAYS_NOTHING_OF_THE_SETTING = ("PMSET -g assertions", "IOREG -r -c IOHIDSystem")

often = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)


class NotingHost(RecordedHost):
    """Remembers what it was asked."""

    def __init__(self, machine: Mapping[str, Any]) -> None:
        super().__init__(machine)
        self.asked: set[str] = set()

    def run(self, program: Program, *arguments: str, **options: Any) -> Completed:
        user = options.get("user")
        line = program_line(program, arguments)
        self.asked.add(line if user is None else f"{user}:{line}")
        return super().run(program, *arguments, **options)

    def read_file(self, path: str, **options: Any) -> bytes:
        self.asked.add(path)
        return super().read_file(path, **options)


def asked_places(machine: Mapping[str, Any], name: str) -> list[Place]:
    """Return the places that the signal's reader looks at."""
    host = NotingHost(machine)
    collect(host, [signal_by_id(name)])
    return [place for place in places(machine) if place.key in host.asked]


def asked_lists(machine: Mapping[str, Any], name: str) -> list[Place]:
    """Return those of them that are programs' lists of what there is."""
    return [
        place
        for place in asked_places(machine, name)
        if place.section == "programs"
        and not place.key.startswith(SAYS_NOTHING_OF_THE_SETTING)
        and machine["programs"][place.key].keys() & {"plist", "json"}
    ]


def cases(
    *,
    letting_in: bool,
    with_some: Callable[[Mapping[str, Any], str], list[Place]] = asked_places,
) -> list[Any]:
    """Return the machines on which the reader looks at something that can be distorted."""
    return [
        pytest.param(path.parent / "machine.json", name, id=f"{path.parent.name}-{name}")
        for system in ("macos", "windows")
        for path in sorted(MACHINES.glob(f"{system}/*/expected.json"))
        for name, expected in json.loads(path.read_text(encoding="utf-8")).items()
        if (expected["outcome"] in LETS_IN) is letting_in
        and with_some(json.loads((path.parent / "machine.json").read_text(encoding="utf-8")), name)
    ]


def outcome(machine: Mapping[str, Any], name: str) -> tuple[Outcome, Reading]:
    signal = signal_by_id(name)
    (reading,) = collect(RecordedHost(machine), [signal])
    assert reading.reason != OWN_ERROR, reading.sources
    return signal.judge(reading, signal.limits()).outcome, reading


@pytest.mark.parametrize(("path", "name"), cases(letting_in=False))
@often
@given(data=st.data())
def test_no_distorted_output_turns_a_machine_into_one_that_passes(
    path: Path, name: str, data: st.DataObject
) -> None:
    machine = json.loads(path.read_text(encoding="utf-8"))
    place = data.draw(st.sampled_from(asked_places(machine, name)))
    distorted = data.draw(DISTORTIONS)(place.content(machine))
    found, reading = outcome(place.replaced(machine, distorted), name)
    assert found not in LETS_IN, (place, distorted[:500], reading)


@pytest.mark.parametrize(("path", "name"), cases(letting_in=True, with_some=asked_lists))
@often
@given(data=st.data())
def test_no_lost_or_garbled_list_is_taken_for_an_empty_one(
    path: Path, name: str, data: st.DataObject
) -> None:
    machine = json.loads(path.read_text(encoding="utf-8"))
    place = data.draw(st.sampled_from(asked_lists(machine, name)))
    distorted = data.draw(LOSSES)(place.content(machine))
    found, reading = outcome(place.replaced(machine, distorted), name)
    assert found not in LETS_IN, (place, distorted[:500], reading)


@pytest.mark.parametrize(("path", "name"), cases(letting_in=True))
@often
@given(data=st.data())
def test_no_output_makes_a_reader_stumble(path: Path, name: str, data: st.DataObject) -> None:
    machine = json.loads(path.read_text(encoding="utf-8"))
    place = data.draw(st.sampled_from(asked_places(machine, name)))
    outcome(place.replaced(machine, data.draw(DISTORTIONS)(place.content(machine))), name)
