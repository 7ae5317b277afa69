"""Axe reads a page of every template: one that it does not read fails here."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.support.accessibility import SERVER, name_of
from tests.support.tools import REPOSITORY

NAME = re.compile(r"\w+(/\w+)+\.html")
USED = re.compile(r'{% (?:extends|from|include|import) "(\w+\.html)"')


def pages() -> set[str]:
    """Return the templates that are pages; of the others pages are made."""
    found = list(SERVER.rglob("templates/*.html"))
    parts = {name for path in found for name in USED.findall(path.read_text(encoding="utf-8"))}
    return {name_of(path) for path in found if path.name not in parts}


def named_in(path: Path) -> Iterator[str]:
    """Return the templates that a test names to axe, which makes sure of what it reads."""
    text = path.read_text(encoding="utf-8")
    if "expect_no_faults" not in text:
        return
    for node in ast.walk(ast.parse(text)):
        value = node.value if isinstance(node, ast.Constant) else None
        if isinstance(value, str) and NAME.fullmatch(value):
            yield value


def test_axe_reads_a_page_of_every_template() -> None:
    tests = (REPOSITORY / "tests" / "server").rglob("test_*.py")
    read = {name for path in tests for name in named_in(path)}
    assert pages() - read == set(), "axe reads no page of these"
    assert read - pages() == set(), "these are no pages"
