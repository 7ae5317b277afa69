"""People who are sent to the OpenID provider by their login, in a browser as far as HTTP goes."""

import contextlib
import re
import secrets
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, parse_qsl, urlencode, urljoin, urlsplit

import httpx

from passmuster_collectors.contract.reading import Reading
from tests.support.example_laptops import healthy
from tests.support.proving import attestation
from tests.support.running_server import RunningServer
from tests.support.signing_device import SigningDevice

MAX_HOPS = 12


@dataclass(frozen=True)
class Registered:
    """A client of the provider's, as `oidc-client add` printed it."""

    issuer: str
    client: str
    secret: str
    redirect_uri: str


def register(server: RunningServer, redirect_uri: str, *options: str, name: str = "") -> Registered:
    """Register a client by the command."""
    name = name or f"helpdesk-{secrets.token_hex(4)}"
    printed = server.command(
        "oidc-client", "add", name, "--redirect-uri", redirect_uri, *options
    ).stdout
    found = dict(re.findall(r"^([\w ]+): +(\S+)$", printed, re.MULTILINE))
    return Registered(
        found["Issuer"], found["Client id"], found.get("Client secret", ""), redirect_uri
    )


def refused(server: RunningServer, *arguments: str) -> str:
    """Return what the command says when it can't be done."""
    done: subprocess.CompletedProcess[str] = server.command("oidc-client", *arguments, check=False)
    assert done.returncode == 1, done.stdout
    return done.stderr


@dataclass(frozen=True)
class Arrival:
    """How a browser came back to the relying party: by a redirect, or by a form that was sent."""

    url: str
    form: str | None

    @property
    def values(self) -> dict[str, str]:
        """What it was told."""
        parts = urlsplit(self.url)
        told = self.form if self.form is not None else parts.query or parts.fragment
        return dict(parse_qsl(told))


@dataclass
class Visitor:
    """A browser that follows redirects until it leaves the server or stands at a page.

    `laptop` reports `readings` and answers when the server wants a proof of it.
    """

    client: httpx.Client
    laptop: SigningDevice | None = None
    page: httpx.Response | None = None
    url: str = ""
    proofs: int = 0
    readings: Callable[[], Iterable[Reading]] = healthy

    def open(self, url: str) -> Arrival | None:
        """Go there; return how it came back to the relying party, or None at a page."""
        return self._follow(self.client.get(url), url)

    def send(self, url: str, form: dict[str, str]) -> Arrival | None:
        """Send a form there."""
        return self._follow(self.client.post(url, data=form), url)

    def check_again(self) -> Arrival | None:
        """Press the button."""
        return self.open(self._link("Check again"))

    def leave(self) -> Arrival | None:
        """Give up."""
        return self.open(self._link("Stop signing in"))

    def is_ready(self) -> bool:
        """Look as the page's own script does."""
        assert self.page is not None
        path = unescape(self.page.text.partition('data-ready="')[2].partition('"')[0])
        ready: bool = self.client.get(path).json()["ready"]
        return ready

    def _link(self, text: str) -> str:
        assert self.page is not None
        found = re.search(rf'<a [^>]*href="([^"]*)">{text}</a>', self.page.text)
        assert found, self.page.text
        return unescape(found[1])

    def _follow(self, response: httpx.Response, url: str) -> Arrival | None:
        for _ in range(MAX_HOPS):
            if response.is_redirect:
                url = urljoin(url, response.headers["location"])
                if not self._is_ours(url):
                    return Arrival(url, None)
                response = self.client.get(url)
            elif "data-send-at-once" in response.text:
                return _sent(response.text)
            elif "data-proof" in response.text and self.laptop is not None:
                url = self._proven(response.text)
                response = self.client.get(url)
            else:
                self.page, self.url = response, url
                return None
        raise AssertionError(f"redirected more than {MAX_HOPS} times")

    def _proven(self, page: str) -> str:
        assert self.laptop is not None
        self.proofs += 1
        urls = unescape(page.partition('data-urls="')[2].partition('"')[0]).split()
        summons = parse_qs(urlsplit(urls[0]).query)["c"][0]
        self.laptop.report(self.client, self.readings())
        token = attestation(self.laptop, self.client, summons, report=False)
        return "/proof/return?" + urlencode({"a": token})

    def _is_ours(self, url: str) -> bool:
        parts = urlsplit(urljoin(str(self.client.base_url), url))
        return parts.port == self.client.base_url.port


def _sent(page: str) -> Arrival:
    action = re.search(r'<form method="post" action="([^"]*)"', page)
    assert action, page
    fields = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page)
    values = {unescape(name): unescape(value) for name, value in fields}
    return Arrival(unescape(action[1]), urlencode(values))


@contextlib.contextmanager
def running_callback() -> Iterator[tuple[str, list[Arrival]]]:
    """Run the relying party's redirect address; yields it, and how browsers came there."""
    arrivals: list[Arrival] = []

    class Callback(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            self._welcome(None)

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            self._welcome(self.rfile.read(length).decode("ascii"))

        def _welcome(self, form: str | None) -> None:
            if self.path.startswith("/callback"):
                arrivals.append(Arrival(f"http://{self.headers['Host']}{self.path}", form))
            body = (
                b"<!doctype html><title>Back</title><link rel=icon href=data:,>"
                b"<h1>Back at the sign-in</h1>"
            )
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - inherited
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Callback) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/callback", arrivals
        finally:
            server.shutdown()
            thread.join()
