"""Whoever types whom to hand out or delete means one person, and is asked once more."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from passmuster_server.privacy import personal
from passmuster_server.privacy.personal import PersonError
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support.clocked_server import ClockedServer, clocked_server

ANA = "ana@example.com"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ClockedServer]:
    """A server with something on record about nobody, and a code for a laptop."""
    with clocked_server(tmp_path) as running:
        running.command("gate-client", "desk")
        running.command("enroll-code", "--owner", ANA)
        yield running


def typed(
    server: ClockedServer, answer: str, *arguments: str
) -> "subprocess.CompletedProcess[str]":
    """Run the command in a process of its own, which is given the answer and then no more."""
    return subprocess.run(
        [*server.program, *server.base(), *arguments],
        input=answer,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def on_record(server: ClockedServer) -> list[tuple[object, ...]]:
    return server.rows("SELECT number, action, person, subject FROM audit_entries ORDER BY number")


def codes(server: ClockedServer) -> int:
    return len(server.rows("SELECT owner FROM enrolment_codes"))


@pytest.mark.parametrize("person", ["", "  ", "a\nb"])
@pytest.mark.parametrize(
    "command", [("erase-person", "--yes"), ("erase-person",), ("export-person",)]
)
def test_what_nobody_is_stored_by_is_refused_and_nothing_happens(
    server: ClockedServer, command: tuple[str, ...], person: str
) -> None:
    before = on_record(server)
    refused = server.command(*command, person, check=False)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "email: expected one line that is not empty" in refused.stderr
    assert on_record(server) == before


@pytest.mark.parametrize("person", ["", "  "])
def test_nobody_is_neither_handed_out_nor_deleted_whoever_asks(
    server: ClockedServer, person: str
) -> None:
    before = on_record(server)
    database, now = server.services.database, server.now()
    with pytest.raises(PersonError):
        database.write_now(
            lambda each: personal.erase(each.connection, DEFAULT_ORGANISATION, person, "it", now)
        )
    with pytest.raises(PersonError):
        database.write_now(
            lambda each: personal.export(each.connection, DEFAULT_ORGANISATION, person)
        )
    assert on_record(server) == before


@pytest.mark.parametrize("answer", ["", "\n", "  \n", "bo@example.com\n"])
def test_without_the_address_typed_again_nothing_is_deleted(
    server: ClockedServer, answer: str
) -> None:
    for person in (ANA, ""):
        refused = typed(server, answer, "erase-person", person)
        assert refused.returncode == 1, refused
    assert codes(server) == 1
    assert [each for each in on_record(server) if each[3] == "desk"], "expected it as it was"


def test_the_address_typed_again_deletes(server: ClockedServer) -> None:
    done = typed(server, f" {ANA} \n", "erase-person", f" {ANA}")
    assert done.returncode == 0, done
    assert codes(server) == 0


def test_blanks_around_an_address_are_no_part_of_it(server: ClockedServer) -> None:
    found = json.loads(server.command("export-person", f" {ANA} ").stdout)
    assert (found["person"], len(found["enrolment_codes"])) == (ANA, 1)
    server.command("erase-person", f" {ANA}", "--yes")
    assert codes(server) == 0
    assert ANA.encode() not in server.stored().lower()
