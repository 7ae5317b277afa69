"""The words that stand in the record, and the page that says when each is written."""

import re
from pathlib import Path

from passmuster_server.audit.actions import Action

PAGE = Path(__file__).parents[3] / "docs" / "audit.md"


def test_the_page_tells_of_every_action_and_of_no_other() -> None:
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]
    told = [name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])]
    assert sorted(told) == sorted(each.value for each in Action)
