"""Whatever numbers Windows' interfaces give, no reader stumbles, and nothing is never a pass.

Every recorded PC is read with one of its answers emptied, cut, doubled, shuffled or garbled.
"""

import base64
import copy
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passmuster_collectors.contract.reading import Reading
from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.runner import OWN_ERROR, collect
from passmuster_collectors.signals import signal_by_id
from passmuster_collectors.signals.disk_encryption.windows.places import drive
from tests.support.recorded_host import RecordedHost
from tests.support.tools import REPOSITORY

MACHINES = REPOSITORY / "tests" / "recordings" / "windows"
LETS_IN = {Outcome.PASS, Outcome.NOT_APPLICABLE}
LISTS = (
    "storage_volumes",
    "wireless_connections",
    "network_adapters",
    "network_routes",
    "present_devices",
    "user_sessions",
)
# They may well be empty: then there is no Wi-Fi adapter, and nobody logged in.
MAY_BE_EMPTY = {"wireless_connections", "user_sessions"}

OTHER_KINDS = st.one_of(
    st.integers(0, 2**64 - 1),
    st.text(max_size=40),
    st.sampled_from(["", "-1", "0x10", "1e9", "٣", "9" * 40]),
    st.lists(st.text(max_size=5), max_size=3),
    st.binary(max_size=8).map(lambda data: {"base64": base64.b64encode(data).decode()}),
)
often = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)


def cases(*, letting_in: bool | None = None) -> list[Any]:
    return [
        pytest.param(path.parent / "machine.json", name, id=f"{path.parent.name}-{name}")
        for path in sorted(MACHINES.glob("*/expected.json"))
        for name, expected in json.loads(path.read_text(encoding="utf-8")).items()
        if letting_in is None or (expected["outcome"] in LETS_IN) is letting_in
    ]


def outcome(machine: dict[str, Any], name: str) -> tuple[Outcome, Reading]:
    signal = signal_by_id(name)
    (reading,) = collect(RecordedHost(machine), [signal])
    assert reading.reason != OWN_ERROR, reading.sources
    return signal.judge(reading, signal.limits()).outcome, reading


def fields(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the ways to every number and text in an answer."""
    if isinstance(value, dict):
        return [way for key, item in value.items() for way in fields(item, (*path, key))]
    if isinstance(value, list):
        return [way for key, item in enumerate(value) for way in fields(item, (*path, key))]
    return [path] if value is not None else []


def garbled(answer: list[Any], data: st.DataObject) -> list[Any]:
    """Put another value of the same kind into one field."""
    found = fields(answer)
    if not found:
        return answer
    *way, last = data.draw(st.sampled_from(found))
    place: Any = answer
    for step in way:
        place = place[step]
    kinds: dict[type, st.SearchStrategy[Any]] = {
        bool: st.booleans(),
        int: st.integers(0, 2**64 - 1) | st.integers(0, 16),
        str: st.text(max_size=40) | st.just(""),
    }
    if last not in {"destination", "prefix", "base64"}:  # Windows' own addresses are addresses
        place[last] = data.draw(kinds[type(place[last])])
    return answer


DISTORTIONS: tuple[Callable[[list[Any], st.DataObject], list[Any]], ...] = (
    garbled,
    lambda answer, data: answer[: data.draw(st.integers(0, len(answer)))],
    lambda answer, _: answer + copy.deepcopy(answer),
    lambda answer, data: random.Random(data.draw(st.integers())).sample(answer, len(answer)),
)


@pytest.mark.parametrize(("path", "name"), cases())
@often
@given(data=st.data())
def test_no_answer_makes_a_reader_stumble(path: Path, name: str, data: st.DataObject) -> None:
    machine = json.loads(path.read_text(encoding="utf-8"))
    section = data.draw(st.sampled_from([each for each in LISTS if each in machine] or [LISTS[0]]))
    distort = data.draw(st.sampled_from(DISTORTIONS))
    machine[section] = distort(machine.get(section, []), data)
    outcome(machine, name)


@pytest.mark.parametrize(("path", "name"), cases())
@often
@given(data=st.data())
def test_no_setting_of_another_kind_makes_a_reader_stumble(
    path: Path, name: str, data: st.DataObject
) -> None:
    machine = json.loads(path.read_text(encoding="utf-8"))
    values = [
        (key, value)
        for key, found in machine.get("registry", {}).items()
        for value in (found if "error" not in found else ())
    ]
    if not values:
        return
    key, value = data.draw(st.sampled_from(values))
    machine["registry"][key][value] = data.draw(OTHER_KINDS)
    outcome(machine, name)


@pytest.mark.parametrize(("path", "name"), cases(letting_in=False))
def test_an_empty_answer_lets_nothing_in(path: Path, name: str) -> None:
    machine = json.loads(path.read_text(encoding="utf-8"))
    for section in LISTS:
        if section in machine:
            found, reading = outcome({**machine, section: []}, name)
            assert found not in LETS_IN, (section, reading)


@pytest.mark.parametrize(("path", "name"), cases(letting_in=True))
def test_an_empty_answer_is_not_what_an_honest_machine_gives(path: Path, name: str) -> None:
    machine = json.loads(path.read_text(encoding="utf-8"))
    needed = {
        "disk_encryption": {"storage_volumes"},
        "wifi_security": {"network_adapters", "network_routes"},
        "usb_devices": {"present_devices"},
    }
    for section in needed.get(name, set()) - MAY_BE_EMPTY:
        found, reading = outcome({**machine, section: []}, name)
        assert found not in LETS_IN, (section, reading)


@pytest.mark.parametrize(("path", "name"), cases(letting_in=False))
@often
@given(data=st.data())
def test_the_order_of_an_answer_decides_nothing(path: Path, name: str, data: st.DataObject) -> None:
    machine = json.loads(path.read_text(encoding="utf-8"))
    before, _ = outcome(machine, name)
    for section in LISTS:
        if section in machine:
            machine[section] = data.draw(st.permutations(machine[section]))
    assert outcome(machine, name)[0] is before


@pytest.mark.parametrize("path", ["\x00\x00", "C", "\u202eC:", "", "\\\\?\\Volume{1}", "1:\\"])
def test_a_path_that_begins_with_no_drive_names_none(path: str) -> None:
    assert drive(path) == ""


def test_a_drive_is_named_in_capitals() -> None:
    assert drive("c:\\mount\\data") == "C:"
