"""docs/sso/authzen.md, by its text: what it says to type and to send does what it says."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from passmuster_collectors.languages import NAMES
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_laptops import ONLY_USB, enrolled, healthy, with_usb_stick
from tests.support.tools import REPOSITORY, require_tool

GUIDE = (REPOSITORY / "docs" / "sso" / "authzen.md").read_text(encoding="utf-8")
SITE = "https://passmuster.example.com"
IN_ENGLISH = {
    "de": "German",
    "es": "Spanish",
    "fil": "Filipino",
    "fr": "French",
    "hi": "Hindi",
    "pt": "Portuguese",
}


def blocks(kind: str) -> list[str]:
    """Return the texts of the guide that stand between fences of this kind."""
    return re.findall(rf"(?m)^```{kind}\n(.*?)^```", GUIDE, re.DOTALL)


def block(kind: str, about: str) -> str:
    """Return the one of them that speaks of something."""
    (found,) = (text for text in blocks(kind) if about in text)
    return found


@dataclass
class Reader:
    """Whoever types what the guide says, on the server's own machine."""

    server: ClockedServer
    folder: Path

    def types(self, text: str) -> str:
        """Return what the commands print, once they name this server."""
        path = os.pathsep.join((str(self.folder), os.environ["PATH"]))
        done = subprocess.run(
            ["sh", "-euc", text.replace(SITE, self.server.url)],
            cwd=self.folder,
            env={"PATH": path, "HOME": str(self.folder), "NO_PROXY": "*"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{text}: {done.stdout}{done.stderr}"
        return done.stdout

    def asks_with(self, token: str, command: str) -> dict[str, Any]:
        """Return the answer to a request that the guide shows for curl."""
        (self.folder / "token.curl").write_text(f'header = "Authorization: Bearer {token}"\n')
        answer: dict[str, Any] = json.loads(self.types("alias curl='curl -sS'\n" + command))
        return answer


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    require_tool("curl")
    folder = tmp_path_factory.mktemp("guide")
    with (
        clocked_server(folder / "server", policy=ONLY_USB) as server,
        server.client() as client,
    ):
        enrolled(server, client, "ana@example.com", healthy())
        enrolled(server, client, "bo@example.com", with_usb_stick())
        reader = Reader(server, folder)
        install(reader)
        yield reader


def install(reader: Reader) -> None:
    """Put the commands where the reader's shell finds them, over this server's data."""
    program = Path(sys.executable).parent / "passmuster-server"
    command = shlex.join([str(program), *reader.server.base()])
    script = reader.folder / "passmuster-server"
    script.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    script.chmod(0o700)


@pytest.fixture(scope="module")
def token(reader: Reader) -> str:
    """The token of the caller that the guide makes first."""
    return reader.types(blocks("sh")[0]).split()[-1]


def test_a_caller_is_made_and_its_question_answered(reader: Reader, token: str) -> None:
    answer = reader.asks_with(token, block("sh", "access/v1/evaluation"))
    assert answer["decision"] is True
    assert set(answer["context"]) == {"id", "grace_until"}


def test_a_caller_that_speaks_oauth_fetches_a_token_that_opens_the_gate(reader: Reader) -> None:
    make, fetch = block("sh", "--oauth").split("\n", 1)
    *_, client, secret = reader.types(make.replace("my-sso", "my-sso-2")).split()
    filled = fetch.replace("CLIENT_ID", client).replace("CLIENT_SECRET", secret)
    given = json.loads(reader.types("alias curl='curl -sS'\n" + filled))
    assert given["expires_in"] == 15 * 60
    answer = reader.asks_with(given["access_token"], block("sh", "access/v1/evaluation"))
    assert answer["decision"] is True


def test_a_caller_that_is_confined_may_not_ask_about_others(reader: Reader) -> None:
    confined = reader.types(block("sh", "supplier-portal")).split()[-1]
    command = block("sh", "access/v1/evaluation")
    assert reader.asks_with(confined, command)["decision"] is True
    refused = reader.asks_with(confined, command.replace("ana@example.com", "bo@example.com"))
    assert (refused["status"], refused["field"]) == (403, "subject.id")


def test_the_request_is_one_as_it_stands_there(reader: Reader, token: str) -> None:
    head, _, body = block("http", "POST /access/v1/evaluation").partition("\n\n")
    line, *lines = head.splitlines()
    method, path = line.split()
    headers = dict(each.split(": ", 1) for each in lines)
    headers["Authorization"] = headers["Authorization"].replace("passmuster_gate_...", token)
    with reader.server.client() as client:
        answer = client.request(method, path, headers=headers, content=body.encode())
    assert answer.status_code == 200, answer.text
    assert answer.json()["decision"] is False, "no laptop of hers has the id that it leaves open"
    assert answer.headers["X-Request-ID"] == headers["X-Request-ID"]


def test_several_questions_are_answered_in_their_order(reader: Reader, token: str) -> None:
    with reader.server.client() as client:
        answer = client.post(
            "/access/v1/evaluations",
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            content=block("json", "evaluations_semantic").encode(),
        )
    assert [each["decision"] for each in answer.json()["evaluations"]] == [True, False]


def test_a_denial_has_the_members_that_it_shows(reader: Reader, token: str) -> None:
    shown = json.loads(block("json", '"decision": false'))
    command = block("sh", "access/v1/evaluation").replace("ana@example.com", "bo@example.com")
    answer = reader.asks_with(token, command)
    assert answer["decision"] is shown["decision"]
    assert set(answer["context"]) == set(shown["context"])
    assert len(answer["context"]["id"]) == len(shown["context"]["id"])
    remedy = shown["context"]["remedy_url"].replace(SITE, "").replace(shown["context"]["id"], "")
    assert remedy in answer["context"]["remedy_url"]


def test_it_names_every_language_that_a_reader_may_have() -> None:
    (told,) = re.findall(r"There are ([^.]+)\.", GUIDE)
    named = set(re.findall(r"[A-Z]\w+", told))
    assert named == {IN_ENGLISH[tag] for tag in NAMES if tag != "en"}
