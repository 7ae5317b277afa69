"""Saved views of the fleet page: one's own, shared ones, and who may delete them."""

import html
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from passmuster_server.console import saved_views
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.console import send, signed_in

WAITING = "/fleet?verdict=unknown&search=ana"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClockedServer]:
    folder: Path = tmp_path_factory.mktemp("views")
    with clocked_server(folder) as server:
        server.command("group", "add", "Manila", "--kind", "supplier")
        yield server


@pytest.fixture
def server(running: ClockedServer) -> ClockedServer:
    running.change("DELETE FROM saved_views")
    return running


@pytest.fixture
def it(server: ClockedServer) -> Iterator[httpx.Client]:
    with signed_in(server) as visitor:
        yield visitor


def save(visitor: httpx.Client, name: str = "Ana waits", **fields: str) -> httpx.Response:
    given = {"verdict": "unknown", "search": "ana", "name": name, **fields}
    return send(visitor, WAITING, "/fleet/views", **given)


def drop(visitor: httpx.Client, server: ClockedServer) -> httpx.Response:
    ((view,),) = server.rows("SELECT view_id FROM saved_views")
    return send(visitor, "/fleet", f"/fleet/views/{view}/delete")


def tabs(visitor: httpx.Client, page: str = "/fleet") -> str:
    text = html.unescape(visitor.get(page).text)
    return text.partition('aria-label="Saved views"')[2].partition("</nav>")[0]


def test_a_view_is_a_link_with_the_filter_in_it(server: ClockedServer, it: httpx.Client) -> None:
    assert server.rows("SELECT COUNT(*) FROM saved_views") == [(0,)]
    saved = save(it)
    assert (saved.status_code, saved.headers["location"]) == (303, WAITING)
    assert f'<a href="{WAITING}"><bdi>Ana waits</bdi></a>' in tabs(it)
    assert 'aria-current="true"><bdi>Ana waits' in tabs(it, WAITING)


@pytest.mark.usefixtures("server")
def test_a_view_that_is_not_shared_is_its_owner_s_alone(
    server: ClockedServer, it: httpx.Client
) -> None:
    save(it)
    with signed_in(server) as another:
        assert tabs(another) == ""


def test_a_shared_view_is_for_all_but_a_group_s_administrators(
    server: ClockedServer, it: httpx.Client
) -> None:
    save(it, shared="yes")
    with signed_in(server, "--role", "viewer") as viewer:
        assert "Ana waits" in tabs(viewer)
        assert drop(viewer, server).status_code == 404
    with signed_in(server, "--group", "Manila") as supplier:
        assert tabs(supplier) == ""
    with signed_in(server) as administrator:
        assert drop(administrator, server).status_code == 303
    assert tabs(it) == ""


def test_a_group_s_administrator_saves_views_of_the_group_for_oneself(
    server: ClockedServer,
) -> None:
    ((manila,),) = server.rows("SELECT group_id FROM groups WHERE name = 'Manila'")
    with signed_in(server, "--group", "Manila") as supplier:
        assert save(supplier, group="default").status_code == 303
        assert f"group={manila}" in tabs(supplier)
        assert save(supplier, "Another", shared="yes").status_code == 400


def test_the_same_name_again_replaces_the_view(server: ClockedServer, it: httpx.Client) -> None:
    save(it)
    save(it, verdict="grace", search="")
    assert server.rows("SELECT link FROM saved_views") == [("/fleet?verdict=grace",)]


def test_one_s_own_view_is_deleted(server: ClockedServer, it: httpx.Client) -> None:
    save(it)
    assert drop(it, server).status_code == 303
    assert server.rows("SELECT COUNT(*) FROM saved_views") == [(0,)]


@pytest.mark.parametrize("name", ["", " ", "x" * 65, "a\x00b"])
def test_a_name_is_one_short_line(server: ClockedServer, it: httpx.Client, name: str) -> None:
    answer = save(it, name)
    assert (answer.status_code, "name: expected" in answer.text) == (400, True)
    assert server.rows("SELECT COUNT(*) FROM saved_views") == [(0,)]


@pytest.mark.usefixtures("server")
def test_nobody_has_more_than_fits_a_page(
    it: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_views, "MOST", 2)
    answers = [save(it, name).status_code for name in ("a", "b", "c", "a")]
    assert answers == [303, 303, 400, 303]


def test_what_is_saved_is_a_filter_and_no_other_address(
    server: ClockedServer, it: httpx.Client
) -> None:
    save(it, "<b>x</b>", verdict="https://evil.example", search='"><script>', group="")
    assert server.rows("SELECT link FROM saved_views") == [("/fleet?search=%22%3E%3Cscript%3E",)]
    page = it.get("/fleet").text
    assert "<b>x</b>" not in page
    assert "<script>" not in page


def test_the_erasure_of_a_person_takes_the_views_that_search_for_them_and_no_others(
    server: ClockedServer, it: httpx.Client
) -> None:
    save(it, "Ana's", search="Ana.Ö@Example.com")
    save(it, "Ana's laptops", search="laptop ana.ö@example.com")
    others = ("ben@example.com", "joana.ö@example.com", "ana.ö@example.community", "ana.ö")
    for search in others:
        save(it, f"ana.ö@example.com, not {search}", search=search)
    server.command("erase-person", "ana.ö@example.com", "--yes")
    left = server.rows("SELECT name FROM saved_views")
    assert sorted(left) == sorted((f"ana.ö@example.com, not {search}",) for search in others)


def test_a_form_of_another_site_saves_nothing(server: ClockedServer, it: httpx.Client) -> None:
    it.headers["Origin"] = "https://evil.example"
    assert save(it).status_code == 403
    assert server.rows("SELECT COUNT(*) FROM saved_views") == [(0,)]
