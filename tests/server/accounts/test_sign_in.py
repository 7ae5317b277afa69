"""Signing in by a link: once, in time, from this page, and nothing else."""

import re
from collections.abc import Iterator

import httpx
import pytest

from tests.support.running_server import RunningServer

FIELD = re.compile(r'name="([^"]+)" value="([^"]+)"')
_numbers = iter(range(1, 1000))


@pytest.fixture
def link(server: RunningServer) -> str:
    return server.sign_in_link(f"it{next(_numbers)}@example.com")


@pytest.fixture
def visitor(server: RunningServer) -> Iterator[httpx.Client]:
    with server.client() as opened:
        yield opened


def submit(
    visitor: httpx.Client, link: str, *, origin: str | None = None, token: str | None = None
) -> httpx.Response:
    page = visitor.get("/sign-in")
    found = FIELD.search(page.text)
    assert found, "expected a form token on the page"
    return visitor.post(
        "/sign-in",
        data={found[1]: found[2] if token is None else token, "link": link},
        headers={"Origin": origin or str(visitor.base_url).rstrip("/")},
    )


def test_a_link_signs_in_and_leads_to_the_fleet(visitor: httpx.Client, link: str) -> None:
    response = submit(visitor, link)
    assert (response.status_code, response.headers["location"]) == (303, "/fleet")
    assert visitor.get("/fleet").status_code == 200


def test_looking_at_the_page_uses_nothing_up(visitor: httpx.Client, link: str) -> None:
    for _ in range(3):
        assert visitor.get("/sign-in").status_code == 200
    assert submit(visitor, link).status_code == 303


def test_a_link_signs_in_once(server: RunningServer, visitor: httpx.Client, link: str) -> None:
    submit(visitor, link)
    with server.client() as other:
        response = submit(other, link)
    assert response.status_code == 403
    assert "used before" in response.text


def test_a_link_that_is_too_old_does_not_sign_in(
    server: RunningServer, visitor: httpx.Client, link: str
) -> None:
    server.change("UPDATE sign_in_links SET expires_at = 1 WHERE used_at IS NULL")
    response = submit(visitor, link)
    assert response.status_code == 403
    assert "expired" in response.text


def test_a_made_up_link_does_not_sign_in(visitor: httpx.Client) -> None:
    assert submit(visitor, "x" * 43).status_code == 403


@pytest.mark.parametrize("path", ["/fleet", "/fleet/devices/0", "/fleet/events"])
def test_without_a_session_no_page_of_its_is_shown(visitor: httpx.Client, path: str) -> None:
    response = visitor.get(path)
    assert response.status_code == 401
    assert "example.com" not in response.text.replace("you@example.com", "")


def test_a_made_up_session_is_none(visitor: httpx.Client) -> None:
    visitor.cookies.set("passmuster_session", "x" * 43)
    assert visitor.get("/fleet").status_code == 401


def test_a_form_from_another_site_does_not_sign_in(visitor: httpx.Client, link: str) -> None:
    assert submit(visitor, link, origin="https://attacker.example").status_code == 403
    assert visitor.get("/fleet").status_code == 401


def test_a_form_without_this_visitor_s_token_does_not_sign_in(
    visitor: httpx.Client, link: str
) -> None:
    assert submit(visitor, link, token="made-up").status_code == 403


def test_a_session_planted_before_is_not_the_one_after(visitor: httpx.Client, link: str) -> None:
    visitor.cookies.set("passmuster_session", "p" * 43)
    response = submit(visitor, link)
    (session,) = [value for name, value in response.cookies.items() if name == "passmuster_session"]
    assert session != "p" * 43


def test_the_session_s_cookie_is_for_http_alone_and_this_site(
    visitor: httpx.Client, link: str
) -> None:
    cookies = submit(visitor, link).headers.get_list("set-cookie")
    (session,) = [each for each in cookies if each.startswith("passmuster_session=")]
    assert "HttpOnly" in session
    assert "samesite=strict" in session.lower()


def test_signing_out_ends_the_session_for_whoever_has_its_cookie(
    server: RunningServer, visitor: httpx.Client, link: str
) -> None:
    submit(visitor, link)
    kept = visitor.cookies.get("passmuster_session")
    found = FIELD.search(visitor.get("/fleet").text)
    assert found, "expected a form token on the page"
    visitor.post("/sign-out", data={found[1]: found[2]}, headers={"Origin": server.url})
    with server.client() as other:
        other.cookies.set("passmuster_session", str(kept))
        assert other.get("/fleet").status_code == 401


def test_links_and_sessions_are_kept_as_hashes_only(
    server: RunningServer, visitor: httpx.Client, link: str
) -> None:
    submit(visitor, link)
    session = str(visitor.cookies.get("passmuster_session"))
    stored = server.stored()
    assert link.partition("#")[2].encode() not in stored
    assert session.encode() not in stored
