"""A provider that is asked: what it may say of itself, how much, and how slowly."""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from passmuster_server import fetching
from passmuster_server.openid.provider import DISCOVERY, Provider, ProviderError
from tests.server.openid.test_person import settings


class Told:
    """What a server on loopback answers: `body` after `wait_s`; counts how often it was asked."""

    def __init__(self) -> None:
        self.body = b""
        self.status = 200
        self.location = ""
        self.wait_s = 0.0
        self.asked = 0
        self.url = ""

    def document(self, **changed: Any) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": self.url + "/auth",
            "token_endpoint": self.url + "/token",
            "jwks_uri": self.url + "/keys",
            **changed,
        }

    def say(self, document: dict[str, Any]) -> None:
        self.body = json.dumps(document).encode()


@pytest.fixture
def told() -> Iterator[Told]:
    found = Told()

    class Answers(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            found.asked += 1
            assert self.path == DISCOVERY
            self.send_response(found.status)
            if found.location:
                self.send_header("Location", found.location)
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                for byte in found.body if found.wait_s else ():
                    self.wfile.write(bytes([byte]))
                    time.sleep(found.wait_s)
                self.wfile.write(b"" if found.wait_s else found.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - inherited
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        found.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()


def refusal(provider: Provider) -> str:
    with pytest.raises(ProviderError) as caught:
        asyncio.run(provider.metadata())
    return str(caught.value)


def test_its_addresses_are_looked_up_once_an_hour(told: Told) -> None:
    told.say(told.document(authorization_response_iss_parameter_supported=True))
    clock = [0.0]
    provider = Provider(settings(issuer=told.url), lambda: clock[0])

    async def look_up() -> None:
        for now in (0.0, 3599.0, 3601.0):
            clock[0] = now
            found = await provider.metadata()
            assert found.token_endpoint == told.url + "/token"
            assert found.names_itself
            assert not found.by_post

    asyncio.run(look_up())
    assert told.asked == 2


def test_what_is_known_goes_on_while_it_does_not_answer(told: Told) -> None:
    told.say(told.document())
    clock = [0.0]
    provider = Provider(settings(issuer=told.url), lambda: clock[0])

    async def look_up() -> None:
        await provider.metadata()
        told.status = 503
        for now in (3601.0, 3602.0, 3617.0):
            clock[0] = now
            assert (await provider.metadata()).keys_url == told.url + "/keys"

    asyncio.run(look_up())
    assert told.asked == 3, "expected it to be left alone for a moment after a failure"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"issuer": "https://evil.example.com"}, "another issuer"),
        ({"token_endpoint": "http://login.example.com/token"}, "token_endpoint"),
        ({"jwks_uri": "file:///etc/passwd"}, "jwks_uri"),
        ({"authorization_endpoint": None}, "authorization_endpoint"),
        ({"userinfo_endpoint": 7}, "userinfo_endpoint"),
        ({"token_endpoint_auth_methods_supported": "all"}, "auth_methods"),
    ],
)
def test_what_it_must_not_say_is_refused_by_name(
    told: Told, changed: dict[str, Any], why: str
) -> None:
    told.say(told.document(**changed))
    assert why in refusal(Provider(settings(issuer=told.url)))


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b"[" * 100_000, b"\xff", b'{"a":1'])
def test_what_is_no_json_object_is_refused(told: Told, body: bytes) -> None:
    told.body = body
    assert refusal(Provider(settings(issuer=told.url))) == "discovery: no JSON object"


def test_visitors_do_not_wait_one_after_the_other_for_one_that_does_not_answer(told: Told) -> None:
    told.status = 503
    clock = [0.0]
    provider = Provider(settings(issuer=told.url), lambda: clock[0])
    for now in (0.0, 1.0, 14.0):
        clock[0] = now
        assert refusal(provider) == "discovery: status 503"
    assert told.asked == 1
    told.status = 200
    told.say(told.document())
    clock[0] = 15.0
    assert asyncio.run(provider.metadata()).token_endpoint == told.url + "/token"


def test_an_answer_has_a_size(told: Told) -> None:
    told.say(told.document(more="x" * fetching.MAX_ANSWER))
    assert refusal(Provider(settings(issuer=told.url))) == "discovery: too large"


def test_an_answer_has_a_time_however_slowly_it_comes(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "TIMEOUT_S", 0.5)
    told.say(told.document())
    told.wait_s = 0.1
    assert refusal(Provider(settings(issuer=told.url))) == "discovery: TimeoutError"


def test_no_redirect_is_followed(told: Told) -> None:
    told.status, told.location = 302, told.url + DISCOVERY
    assert refusal(Provider(settings(issuer=told.url))) == "discovery: status 302"
    assert told.asked == 1
