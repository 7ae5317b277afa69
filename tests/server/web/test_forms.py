import asyncio
from urllib.parse import urlencode

import pytest
from starlette.requests import Request

from passmuster_server.web.forms import TOKEN_FIELD, form_token, read_form
from passmuster_server.web.problems import RefusalError

URL = "https://passmuster.example.com"
SECRET = "the visitor's cookie"


def submitted(
    fields: dict[str, str] | bytes | None = None, *, secret: str = SECRET, **headers: str
) -> dict[str, str]:
    """Read a form as its route does; headers are given as `sec_fetch_site="same-origin"`."""
    body = fields if isinstance(fields, bytes) else urlencode(fields or {}).encode()
    sent = {"content_type": "application/x-www-form-urlencoded", "origin": URL, **headers}
    scope = {
        "type": "http",
        "method": "POST",
        "headers": [
            (name.replace("_", "-").encode(), value.encode())
            for name, value in sent.items()
            if value
        ],
    }

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    request = Request(scope, receive)
    return dict(asyncio.run(read_form(request, secret=secret, public_url=URL)))


GOOD = {TOKEN_FIELD: form_token(SECRET), "link": "x"}


def refused(fields: dict[str, str] | bytes, status: int, **how: str) -> None:
    with pytest.raises(RefusalError) as refusal:
        submitted(fields, **how)
    assert refusal.value.problem.status == status


def test_a_form_of_our_own_page_is_read() -> None:
    assert submitted(GOOD) == {"link": "x"}
    assert submitted(GOOD, sec_fetch_site="same-origin", origin="") == {"link": "x"}


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
def test_a_form_that_the_browser_says_is_not_ours_is_refused(site: str) -> None:
    refused(GOOD, 403, sec_fetch_site=site)


@pytest.mark.parametrize(
    "origin", ["", "null", "https://evil.example", "http://passmuster.example.com", URL + ".evil"]
)
def test_without_that_word_the_origin_must_be_ours(origin: str) -> None:
    refused(GOOD, 403, origin=origin)


@pytest.mark.parametrize("token", ["", "wrong", form_token("another visitor"), "ünïcode"])
def test_the_token_must_be_this_visitors(token: str) -> None:
    refused({**GOOD, TOKEN_FIELD: token}, 403)


def test_a_visitor_without_a_cookie_has_no_token() -> None:
    refused({TOKEN_FIELD: form_token("")}, 403, secret="")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"x" * 5_000, 413),
        (b"&".join(b"a=%d" % number for number in range(100)), 400),
        (b"\xff\xfe", 400),
        (b"reason=a%00b", 400),
    ],
)
def test_a_form_that_can_not_be_read_is_refused(body: bytes, status: int) -> None:
    refused(body, status)


def test_another_content_type_is_refused() -> None:
    refused(GOOD, 415, content_type="text/plain")
