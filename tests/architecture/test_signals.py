"""A signal is complete: facts, rule, readers, words, recordings, documentation."""

import importlib
import json
import string
from collections.abc import Mapping
from enum import StrEnum
from types import ModuleType
from typing import Any

import pytest

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.declaration import declared_fields
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.signals import CATALOG, signal_by_id
from passmuster_collectors.signals.signal import UNREADABLE, Signal
from tests.support.tools import REPOSITORY

ROOMS = REPOSITORY / "collectors" / "passmuster_collectors" / "signals"
PARTS = ("__init__.py", "facts.py", "rule.py", "problems.py")

each_signal = pytest.mark.parametrize("signal", CATALOG, ids=lambda signal: signal.id)


def room(signal: Signal[Any, Any], part: str) -> ModuleType:
    return importlib.import_module(f"passmuster_collectors.signals.{signal.id}.{part}")


def problems(signal: Signal[Any, Any]) -> type[StrEnum]:
    found: type[StrEnum] = room(signal, "rule").Problem
    return found


def placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def test_every_room_is_in_the_catalog_and_no_id_is_there_twice() -> None:
    rooms = {path.parent.name for path in ROOMS.glob("*/__init__.py")}
    assert sorted(signal.id for signal in CATALOG) == sorted(rooms)


def test_a_signal_is_found_by_its_id() -> None:
    assert all(signal_by_id(signal.id) is signal for signal in CATALOG)
    with pytest.raises(KeyError):
        signal_by_id("no_such_signal")


@each_signal
def test_its_room_has_every_part(signal: Signal[Any, Any]) -> None:
    assert [part for part in PARTS if not (ROOMS / signal.id / part).exists()] == []


@each_signal
def test_it_has_a_reader_for_every_system_or_says_that_it_has_none(
    signal: Signal[Any, Any],
) -> None:
    assert set(signal.readers) == set(Platform)
    assert signal.readers[Platform.LINUX] is not None
    for platform, reader in signal.readers.items():
        places = (ROOMS / signal.id / f"{platform}.py", ROOMS / signal.id / platform.value)
        assert any(place.exists() for place in places) or reader is None, platform


@pytest.mark.parametrize(
    "name", ["disk_encryption", "idle_logoff", "screen_lock", "usb_devices", "wifi_security"]
)
def test_the_five_that_the_product_promises_are_read_on_every_system(name: str) -> None:
    readers = signal_by_id(name).readers
    assert [platform for platform in Platform if readers[platform] is None] == []


@each_signal
def test_it_says_to_a_worker_what_it_is_and_why_it_is_read(signal: Signal[Any, Any]) -> None:
    assert signal.title
    lines = signal.why.splitlines()
    assert 1 <= len(lines) <= 2
    assert all(line.strip().endswith(".") for line in lines)


@each_signal
def test_it_says_of_every_field_why_it_is_collected(signal: Signal[Any, Any]) -> None:
    fields = declared_fields(signal.facts)
    assert len({field.path for field in fields}) == len(fields)


@each_signal
def test_it_says_which_events_make_it_read_again(signal: Signal[Any, Any]) -> None:
    assert signal.triggers


@each_signal
def test_its_default_limits_go_over_the_wire_and_back(signal: Signal[Any, Any]) -> None:
    limits = signal.limits()
    assert codec.decode(signal.limits, codec.encode(limits)) == limits


@each_signal
def test_it_has_words_for_every_problem_and_none_to_spare(signal: Signal[Any, Any]) -> None:
    assert set(signal.problems) == {str(problem) for problem in problems(signal)}
    assert UNREADABLE in signal.problems


@each_signal
def test_its_words_to_the_worker_and_to_the_admin_differ(signal: Signal[Any, Any]) -> None:
    for name, text in signal.problems.items():
        assert text.worker.strip(), name
        assert text.admin.strip(), name
        assert text.worker != text.admin, name


@each_signal
def test_every_problem_comes_with_steps_to_fix_it(signal: Signal[Any, Any]) -> None:
    assert set(signal.problems[UNREADABLE].remedy) == set(Platform)
    for name, text in signal.problems.items():
        assert text.remedy, f"{name} has no remedy on any system"
        for platform, remedy in text.remedy.items():
            assert remedy.steps, f"{name} on {platform}"
            assert all(step.strip() for step in remedy.steps), f"{name} on {platform}"


@each_signal
def test_every_system_can_be_told_how_to_fix_something(signal: Signal[Any, Any]) -> None:
    told = {platform for text in signal.problems.values() for platform in text.remedy}
    assert told == set(Platform)


@each_signal
def test_its_templates_have_plain_placeholders(signal: Signal[Any, Any]) -> None:
    for name, text in signal.problems.items():
        steps = [step for remedy in text.remedy.values() for step in remedy.steps]
        named = placeholders("".join((text.worker, text.admin, *steps)))
        assert all(placeholder.isidentifier() for placeholder in named), name
        if name == UNREADABLE:
            assert named <= {"reason"}


def expectations(signal: Signal[Any, Any]) -> list[Mapping[str, Any]]:
    paths = (REPOSITORY / "tests" / "recordings").glob("*/*/expected.json")
    all_of_them = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    return [expected[signal.id] for expected in all_of_them if signal.id in expected]


@each_signal
def test_it_has_recorded_machines_that_pass_fail_and_cannot_be_judged(
    signal: Signal[Any, Any],
) -> None:
    outcomes = {expected["outcome"] for expected in expectations(signal)}
    assert {Outcome.PASS.value, Outcome.FAIL.value, Outcome.UNKNOWN.value} <= outcomes


@each_signal
def test_its_page_documents_every_field_problem_and_limit(signal: Signal[Any, Any]) -> None:
    page = (REPOSITORY / "docs" / "signals" / f"{signal.id}.md").read_text(encoding="utf-8")
    assert signal.title in page
    fields = [field.path.rpartition(".")[2] for field in declared_fields(signal.facts)]
    limits = codec.encode(signal.limits())
    for name in (*fields, *problems(signal), *limits):
        assert f"`{str(name).removesuffix('[]')}`" in page, f"{name} is not on the page"
