"""Administrators of a server as HTTP goes: signed in, and sending the console's own forms."""

import contextlib
import re
import secrets
import time
from collections.abc import Callable, Iterator

import httpx

from tests.support.running_server import RunningServer

FIELD = re.compile(r'name="(form_token)" value="([^"]+)"')
SOON_S = 30.0


@contextlib.contextmanager
def signed_in(server: RunningServer, *arguments: str) -> Iterator[httpx.Client]:
    """Sign a new administrator in; `arguments` are those of `create-admin`."""
    email = f"{secrets.token_hex(4)}@example.com"
    link = server.command("create-admin", "--email", email, *arguments).stdout.split()[-1]
    with server.client() as visitor:
        visitor.headers["Origin"] = server.url
        answer = send(visitor, "/sign-in", "/sign-in", link=link.partition("#")[2])
        assert answer.status_code == 303, answer.text
        yield visitor


def send(visitor: httpx.Client, page: str, action: str, **fields: str) -> httpx.Response:
    """Send a form with the token that stands on `page`."""
    found = FIELD.search(visitor.get(page).text)
    assert found, f"expected a form on {page}"
    return visitor.post(action, data={found[1]: found[2], **fields})


def wait_until(condition: Callable[[], object]) -> None:
    """Wait for what happens soon."""
    deadline = time.monotonic() + SOON_S
    while not condition():
        assert time.monotonic() < deadline, f"still not after {SOON_S} s"
        time.sleep(0.02)
