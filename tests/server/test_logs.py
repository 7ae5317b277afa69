"""The log: a line of JSON for each event, and nothing of what was handled."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from passmuster_server import logs


class Terminal(io.StringIO):
    """A stream that somebody looks at."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def undone() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def fail(secret: str) -> None:
    raise ValueError(f"can't handle {secret}")


def logged(stream: io.StringIO) -> None:
    logs.set_up(stream)
    try:
        fail("ana@example.com")
    except ValueError:
        logging.getLogger("passmuster_server.example").exception("a request failed")


def test_an_event_is_one_line_of_json() -> None:
    stream = io.StringIO()
    logs.set_up(stream)
    logging.getLogger("passmuster_server.example").info("device %s: said\nhello", "d1")
    (line,) = stream.getvalue().splitlines()
    found = json.loads(line)
    assert found.pop("time").endswith("Z")
    assert found == {
        "level": "info",
        "logger": "passmuster_server.example",
        "message": "device d1: said\nhello",
    }


def test_of_an_unexpected_error_its_kind_and_place_are_told_and_not_its_text() -> None:
    stream = io.StringIO()
    logged(stream)
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["error"].startswith("ValueError at test_logs.py:")
    assert "ana@example.com" not in line


def test_a_person_at_a_terminal_reads_plain_lines_with_as_little_in_them() -> None:
    stream = Terminal()
    logged(stream)
    text = stream.getvalue()
    assert "ERROR passmuster_server.example: a request failed" in text
    assert "ValueError at test_logs.py:" in text
    assert "ana@example.com" not in text
