"""The doors that are asked before all routes, and what becomes of their mistakes."""

import asyncio

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from passmuster_server.application import Application


async def door(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["query_string"] == b"mistake":
        raise LookupError("ours")
    await PlainTextResponse("the door")(scope, receive, send)


async def page(_: Request) -> Response:
    return PlainTextResponse("a page")


async def on_mistake(_: Request, error: Exception) -> Response:
    return PlainTextResponse(f"sorry: {type(error).__name__}", 500)


def ask(method: str, target: str, *, raises: bool = False) -> httpx.Response:
    routes = [
        Route("/door", page, methods=["GET"]),
        Route("/page", page, methods=["GET"]),
        Route("/things/{thing}", page, methods=["GET"]),
    ]
    app = Application({"/door": door}, on_mistake=on_mistake, routes=routes)

    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=raises)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, target)

    return asyncio.run(asked())


def test_a_door_takes_the_posts_to_its_path_and_nothing_else() -> None:
    assert ask("POST", "/door").text == "the door"
    assert ask("GET", "/door").text == "a page"
    assert ask("GET", "/page").text == "a page"
    assert ask("POST", "/page").status_code == 405


def test_a_mistake_behind_a_door_is_answered_and_raised_for_the_log() -> None:
    answer = ask("POST", "/door?mistake")
    assert (answer.status_code, answer.text) == (500, "sorry: LookupError")
    with pytest.raises(LookupError):
        ask("POST", "/door?mistake", raises=True)


def test_an_address_with_a_nul_in_it_is_none() -> None:
    """No database may be asked about it: PostgreSQL would fail, and say that we have to wait."""
    assert ask("GET", "/things/a").text == "a page"
    answer = ask("GET", "/things/a%00b")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer.headers["Content-Type"] == "application/problem+json"
