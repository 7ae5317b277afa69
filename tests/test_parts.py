"""The runner of all tests: what failed beside others runs once more, and no failure is lost."""

from pathlib import Path

import pytest

from tests.parts import FAILED, MOST, PASSED, Part, run

FAILS_ONCE = """
from pathlib import Path
ran = Path(__file__).with_suffix(".ran")
def test_it():
    again = ran.exists()
    ran.touch()
    assert again
"""


def part(folder: Path, name: str = "one", *, alone: bool = False) -> Part:
    return Part(name, (str(folder), "-q"), alone=alone)


def written(folder: Path, source: str, name: str = "test_it.py") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(source)
    return folder


def test_all_that_passes_passes(tmp_path: Path) -> None:
    folder = written(tmp_path / "tests", "def test_it(): pass\n")
    assert run([part(folder), part(folder, "two", alone=True)], 2, tmp_path / "cache") == PASSED


def test_what_passes_alone_is_named_and_is_no_failure(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = written(tmp_path / "tests", FAILS_ONCE)
    assert run([part(folder)], 1, tmp_path / "cache") == PASSED
    assert "one: FAILED BESIDE OTHERS, PASSED ALONE: " in capfd.readouterr().out


def test_what_fails_twice_fails(tmp_path: Path) -> None:
    folder = written(tmp_path / "tests", "def test_it(): assert False\n")
    assert run([part(folder)], 1, tmp_path / "cache") == FAILED


def test_what_is_skipped_the_second_time_has_not_passed(tmp_path: Path) -> None:
    skips = FAILS_ONCE.replace("assert again", "assert again and pytest.skip()")
    folder = written(tmp_path / "tests", f"import pytest\n{skips}")
    assert run([part(folder)], 1, tmp_path / "cache") == FAILED


def test_a_part_that_passes_hides_no_other_that_fails(tmp_path: Path) -> None:
    good = written(tmp_path / "good", "def test_it(): pass\n")
    once = written(tmp_path / "once", FAILS_ONCE)
    bad = written(tmp_path / "bad", "def test_it(): assert False\n")
    parts = [part(good, "good"), part(bad, "bad"), part(once, "once", alone=True)]
    assert run(parts, 2, tmp_path / "cache") == FAILED


def test_many_that_fail_are_not_tried_again(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "tests"
    for number in range(MOST + 1):
        written(folder, FAILS_ONCE, f"test_{number}.py")
    assert run([part(folder)], 1, tmp_path / "cache") == FAILED
    assert "once more" not in capfd.readouterr().out


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("import os\ndef test_it(): os._exit(1)\n", id="ended by a test"),
        pytest.param("import os\ndef test_it(): os.abort()\n", id="ended by a signal"),
        pytest.param("import nothing_of_this_name\n", id="not readable"),
        pytest.param("", id="no tests at all"),
    ],
)
def test_a_run_that_did_not_come_to_its_end_fails(tmp_path: Path, source: str) -> None:
    folder = written(tmp_path / "tests", source)
    assert run([part(folder)], 1, tmp_path / "cache") == FAILED


def test_failures_of_an_earlier_run_are_forgotten(tmp_path: Path) -> None:
    folder = written(tmp_path / "tests", "def test_it(): assert False\n", "test_old.py")
    assert run([part(folder)], 1, tmp_path / "cache") == FAILED
    (folder / "test_old.py").unlink()
    written(folder, FAILS_ONCE)
    assert run([part(folder)], 1, tmp_path / "cache") == PASSED
