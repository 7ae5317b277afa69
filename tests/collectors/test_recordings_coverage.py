"""No recorded output of a real machine is left lying about without a test or a reason."""

from pathlib import Path

import pytest

from passmuster_collectors.signals import CATALOG
from tests.collectors import recorded_cases, recorded_cases_macos, recorded_cases_windows
from tests.support.recordings import recorded_names
from tests.support.tools import REPOSITORY

LISTS = {
    "linux": recorded_cases,
    "macos": recorded_cases_macos,
    "windows": recorded_cases_windows,
}
COVERED = {name: test for each in LISTS.values() for name, test in each.COVERED.items()}
NOT_COVERED = {name: why for each in LISTS.values() for name, why in each.NOT_COVERED.items()}
ROOMS = [
    (platform.value, f"{platform}/{signal.id}/")
    for signal in CATALOG
    for platform, reader in signal.readers.items()
    if reader is not None and platform.value in LISTS
]


@pytest.mark.parametrize(("platform", "room"), ROOMS)
def test_every_recording_has_a_test_or_a_reason_why_it_has_none(platform: str, room: str) -> None:
    recorded = [name for name in recorded_names(platform) if name.startswith(room)]
    left_out = [name for name in recorded if name not in {*COVERED, *NOT_COVERED}]
    assert left_out == [], f"add these to {LISTS[platform].__name__}"


@pytest.mark.parametrize("platform", LISTS)
def test_every_line_of_the_lists_is_about_a_recording_that_exists(platform: str) -> None:
    listed = {*LISTS[platform].COVERED, *LISTS[platform].NOT_COVERED}
    assert listed <= set(recorded_names(platform))


def test_a_recording_is_on_one_list_alone() -> None:
    assert COVERED.keys() & NOT_COVERED.keys() == set()


@pytest.mark.parametrize(("name", "test"), COVERED.items())
def test_the_test_of_a_recording_names_it(name: str, test: str) -> None:
    source = (REPOSITORY / test).read_text(encoding="utf-8")
    assert Path(name).name in source, f"{test} does not read {name}"


@pytest.mark.parametrize(("name", "reason"), NOT_COVERED.items())
def test_a_reason_is_a_sentence(name: str, reason: str) -> None:
    assert len(reason) > 20, f"{name} needs a reason that a reader understands"
    assert reason.endswith(".")
