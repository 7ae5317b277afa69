"""What wrong tries cost: the one who makes them, and nobody else."""

import asyncio
import re
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest

from passmuster_server.database import StoreUnavailableError
from tests.support.clocked_server import ClockedServer, clocked_server

IT = "it@example.com"
PASSWORD = "ferry lantern quartz"
FIELD = re.compile(r'name="form_token" value="([^"]+)"')
SECRET = re.compile(r"([A-Z2-7]{32})</code>")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ClockedServer]:
    with clocked_server(tmp_path) as running:
        yield running


@pytest.fixture
def visitor(server: ClockedServer) -> Iterator[httpx.Client]:
    with server.client() as opened:
        opened.headers["Origin"] = server.url
        yield opened


def post(visitor: httpx.Client, page: str, action: str, **fields: str) -> httpx.Response:
    found = FIELD.search(visitor.get(page).text)
    assert found, f"expected a form on {page}"
    return visitor.post(action, data={"form_token": found[1], **fields})


def signed_in(server: ClockedServer, visitor: httpx.Client) -> None:
    link = server.sign_in_link(IT).partition("#")[2]
    assert post(visitor, "/sign-in", "/sign-in", link=link).status_code == 303


def with_password(server: ClockedServer, visitor: httpx.Client) -> str:
    """Sign in, set a password up, and return the secret of its second step."""
    signed_in(server, visitor)
    post(visitor, "/account", "/account/second-step")
    found = SECRET.search(visitor.get("/account").text)
    assert found, "expected the secret beside its picture"
    code = pyotp.TOTP(found[1]).at(server.now())
    post(visitor, "/account", "/account/password", password=PASSWORD, code=code)
    return found[1]


def test_a_link_that_is_not_good_does_not_reach_the_writer(
    server: ClockedServer, visitor: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise AssertionError("expected nothing to be written")

    monkeypatch.setattr(server.services.database, "write", refuse)
    answer = post(visitor, "/sign-in", "/sign-in", link="x" * 43)
    assert answer.status_code == 403
    assert "not known here" in answer.text


def test_links_that_are_not_good_are_taken_thirty_times_from_one_address(
    server: ClockedServer, visitor: httpx.Client
) -> None:
    link = server.sign_in_link(IT).partition("#")[2]
    answers = [post(visitor, "/sign-in", "/sign-in", link="x" * 43) for _ in range(31)]
    assert [answer.status_code for answer in answers] == [403] * 30 + [429]
    assert int(answers[-1].headers["retry-after"]) > 0
    assert post(visitor, "/sign-in", "/sign-in", link=link).status_code == 429


def test_nobody_from_outside_uses_up_the_tries_of_whoever_is_signed_in(
    server: ClockedServer, visitor: httpx.Client
) -> None:
    secret = with_password(server, visitor)
    with server.client() as stranger:
        stranger.headers["Origin"] = server.url
        wrong = {"email": IT, "password": "x", "code": "0"}
        answers = [post(stranger, "/sign-in", "/sign-in/password", **wrong) for _ in range(11)]
    assert answers[-1].status_code == 429
    server.ahead = timedelta(minutes=16)
    code = pyotp.TOTP(secret).at(server.now())
    proven = post(visitor, "/account", "/prove", back="/account", password=PASSWORD, code=code)
    assert (proven.status_code, proven.headers["location"]) == (303, "/account")


def test_a_session_proves_ten_times_wrongly_at_most(
    server: ClockedServer, visitor: httpx.Client
) -> None:
    with_password(server, visitor)
    wrong = {"back": "/account", "password": "x", "code": "0"}
    answers = [post(visitor, "/account", "/prove", **wrong) for _ in range(11)]
    assert ["Too many tries" in answer.text for answer in answers] == [False] * 10 + [True]


def test_a_second_step_that_is_being_set_up_is_shown_after_a_fresh_proof_alone(
    server: ClockedServer, visitor: httpx.Client
) -> None:
    signed_in(server, visitor)
    post(visitor, "/account", "/account/second-step")
    assert SECRET.search(visitor.get("/account").text)
    assert visitor.get("/account/second-step.svg").headers["content-type"] == "image/svg+xml"
    server.ahead = timedelta(minutes=16)
    page = visitor.get("/account")
    assert page.status_code == 200
    assert not SECRET.search(page.text), "expected the secret to be kept back"
    assert "begun and not finished" in page.text
    picture = visitor.get("/account/second-step.svg")
    assert picture.status_code == 403
    assert "<svg" not in picture.text


def blocked(server: ClockedServer) -> int:
    """Return how often it is on record that somebody tried too often."""
    asked = "SELECT count(*) FROM audit_entries WHERE action = 'administrator.sign_in_blocked'"
    ((times,),) = server.rows(asked)
    return int(times)


def blocked_in_time(server: ClockedServer, times: int) -> None:
    """Wait until it is on record so often."""
    deadline = time.monotonic() + 30
    while (found := blocked(server)) != times:
        assert time.monotonic() < deadline, f"on record {found} times, expected {times}"
        time.sleep(0.02)


def try_wrongly(server: ClockedServer, email: str, times: int) -> list[int]:
    with server.client() as stranger:
        stranger.headers["Origin"] = server.url
        wrong = {"email": email, "password": "x", "code": "0"}
        return [
            post(stranger, "/sign-in", "/sign-in/password", **wrong).status_code
            for _ in range(times)
        ]


def test_an_account_that_nobody_tried_is_not_said_to_be_tried_too_often(
    server: ClockedServer,
) -> None:
    server.command("create-admin", "--email", IT)
    for number in range(3):
        assert try_wrongly(server, f"{number}@example.com", 10) == [403] * 10
    assert try_wrongly(server, IT, 2) == [429, 429], "expected the address to be used up"
    assert blocked(server) == 0


def test_tries_that_are_used_up_are_told_once_in_fifteen_minutes_by_whichever_server(
    server: ClockedServer,
) -> None:
    server.command("create-admin", "--email", IT)
    for ahead, told in ((0, 1), (5, 1), (16, 2)):
        server.ahead = timedelta(minutes=ahead)
        assert try_wrongly(server, IT, 12) == [403] * 10 + [429] * 2
        blocked_in_time(server, told)
        # The next one remembers nothing of these tries.
        server.stop()
        server.start()


def test_a_blocked_sign_in_is_answered_before_the_account_is_looked_for(
    server: ClockedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How long it takes would tell whether there is one."""
    server.command("create-admin", "--email", IT)
    assert try_wrongly(server, IT, 10) == [403] * 10
    answered, writes = threading.Event(), []
    write = server.services.database.write

    async def held_back(work: Any) -> Any:
        writes.append(work)
        assert await asyncio.to_thread(answered.wait, 60), "expected an answer before the write"
        return await write(work)

    monkeypatch.setattr(server.services.database, "write", held_back)
    assert try_wrongly(server, IT, 1) == [429]
    assert try_wrongly(server, IT, 2) == [429] * 2
    assert len(writes) == 1, "expected tries that come meanwhile not to reach the writer"
    answered.set()
    blocked_in_time(server, 1)


def test_what_could_not_be_written_of_a_blocked_sign_in_is_written_at_the_next_try(
    server: ClockedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.command("create-admin", "--email", IT)
    assert try_wrongly(server, IT, 10) == [403] * 10
    failed = threading.Event()

    async def fail(_: Any) -> None:
        failed.set()
        raise StoreUnavailableError("full")

    with monkeypatch.context() as broken:
        broken.setattr(server.services.database, "write", fail)
        assert try_wrongly(server, IT, 1) == [429], "expected the answer to be the same"
        assert failed.wait(30), "expected a try to write"
    assert try_wrongly(server, IT, 1) == [429]
    blocked_in_time(server, 1)
