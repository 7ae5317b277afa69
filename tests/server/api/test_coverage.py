"""The documentation says of all that IT does in the console which operation does the same."""

import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.support.clocked_server import ClockedServer

PAGE = Path(__file__).parents[3] / "docs" / "api.md"
ROW = re.compile(r"^\| (`[^|]+`) \| ([^|]+) \|$", re.MULTILINE)
NONE = "none: "

Table = dict[str, str]


def table(heading: str) -> Table:
    """Return the rows below a heading: what is done, and the operations or the reason."""
    _, _, below = PAGE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")
    rows = ROW.findall(below.partition("\n## ")[0])
    return {name.strip("`"): told for names, told in rows for name in names.split(", ")}


@pytest.fixture(scope="module")
def operations(server: ClockedServer) -> set[str]:
    described = httpx.get(f"{server.url}/api/v1/openapi.json", trust_env=False, timeout=20).json()
    return {
        operation["operationId"]
        for methods in described["paths"].values()
        for operation in methods.values()
    }


def console(server: ClockedServer) -> Iterator[str]:
    """Return each method and path behind a sign-in of the console."""
    for route in server.routes():
        if getattr(route.endpoint, "__qualname__", "").startswith("Guard.protect."):
            for method in sorted((route.methods or set()) - {"HEAD"}):
                yield f"{method} {route.path}"


def commands(server: ClockedServer) -> set[str]:
    """Return each command of the server, as its help lists them."""
    return set(
        re.findall(r"^    ([a-z][a-z-]+)(?: |$)", server.command("--help").stdout, re.MULTILINE)
    )


def check(rows: Table, done: set[str], operations: set[str]) -> None:
    assert rows.keys() == done, "docs/api.md, the tables at its end, is to have a row for each"
    for name, told in rows.items():
        named = set(re.findall(r"`([a-z][A-Za-z]+)`", told))
        assert told.startswith(NONE) or named & operations, f"{name}: no operation and no reason"
        assert named <= operations, f"{name}: there is no operation {named - operations}"


def test_all_that_the_console_does_has_an_operation_or_a_reason(
    server: ClockedServer, operations: set[str]
) -> None:
    check(
        table("What the console does, and the operation that does it"),
        set(console(server)),
        operations,
    )


def test_all_that_the_commands_do_has_an_operation_or_a_reason(
    server: ClockedServer, operations: set[str]
) -> None:
    check(
        table("What the commands do, and the operation that does it"),
        commands(server),
        operations,
    )


def test_how_large_a_body_may_be_is_told(server: ClockedServer) -> None:
    limits = {
        part.max_body // 1024
        for route in server.routes()
        if isinstance(route.endpoint, partial)
        for methods in route.endpoint.args
        if isinstance(methods, Mapping)
        for part in methods.values()
    }
    assert 8 in limits, "expected the operations behind the routes"
    (row,) = re.findall(r"^\| 413, .*$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert {int(number) for number in re.findall(r"(\d+) KiB", row)} == limits
