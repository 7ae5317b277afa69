"""Each attack that docs/gate.md lists has a test, and that test is there."""

import re

from tests.support.tools import REPOSITORY

DOCUMENT = REPOSITORY / "docs" / "gate.md"


def attacks() -> dict[str, list[str]]:
    """Return the tests that the document names for each attack."""
    table = DOCUMENT.read_text(encoding="utf-8").partition("## What an attack meets\n")[2]
    rows = [line for line in table.partition("\n## ")[0].splitlines() if line.startswith("| ")]
    found = {}
    for row in rows[1:]:
        attack, _, tests = (cell.strip() for cell in row.strip("|").split("|"))
        found[attack] = re.findall(r"`(test_\w+)`", tests)
    return found


def test_every_attack_has_a_test_that_is_there() -> None:
    known = set[str]()
    for path in (REPOSITORY / "tests").rglob("test_*.py"):
        known |= set(re.findall(r"(?m)^\s*def (test_\w+)\(", path.read_text(encoding="utf-8")))
    found = attacks()
    assert len(found) >= 30
    for attack, tests in found.items():
        assert tests, f"nothing tries this: {attack}"
        assert set(tests) <= known, f"{attack}: {set(tests) - known}"
