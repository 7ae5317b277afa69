"""A real nginx in a directory of its own, with the very configuration of docs/sso/nginx.md."""

import contextlib
import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.support.running_server import free_port
from tests.support.tools import REPOSITORY, require_tool

DOCUMENT = REPOSITORY / "docs" / "sso" / "nginx.md"
START_WITHIN_S = 30.0

MAIN = """\
daemon off;
pid nginx.pid;
error_log error.log info;
{user}
events {{ }}
http {{
    access_log off;
    client_body_temp_path temporary-body;
    proxy_temp_path temporary-proxy;
    fastcgi_temp_path temporary-fastcgi;
    uwsgi_temp_path temporary-uwsgi;
    scgi_temp_path temporary-scgi;
{sites}
}}
"""


@dataclass
class Nginx:
    """One that runs."""

    directory: Path
    port: int

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def add_person(self, name: str, password: str) -> None:
        """Let somebody sign in."""
        with (self.directory / "people").open("a", encoding="utf-8") as people:
            people.write(f"{name}:{{PLAIN}}{password}\n")

    @property
    def log(self) -> str:
        """Its error log."""
        return (self.directory / "error.log").read_text(encoding="utf-8")


@contextlib.contextmanager
def running_nginx(
    directory: Path,
    *,
    passmuster: int,
    application: int,
    token: str,
    port: int = 0,
    document: Path = DOCUMENT,
    open_for_s: int = 0,
) -> Iterator[Nginx]:
    """Run the gate of a document between these ports; `open_for_s` by docs/sso/when-we-are-down."""
    program = require_tool("nginx")
    directory.mkdir(parents=True, exist_ok=True)
    nginx = Nginx(directory, port or free_port())
    (directory / "token.conf").write_text(f'proxy_set_header Authorization "Bearer {token}";\n')
    (directory / "people").touch()
    people = {r"/etc/nginx/helpdesk.htpasswd": str(directory / "people")}
    site = _documented(
        document,
        {
            "listen 443 ssl;": f"listen 127.0.0.1:{nginx.port};",
            r"127.0.0.1:8463": f"127.0.0.1:{passmuster}",
            r"127.0.0.1:8080": f"127.0.0.1:{application}",
            r"/etc/nginx/passmuster-token.conf": str(directory / "token.conf"),
            **(people if document == DOCUMENT else {}),
        },
    )
    if open_for_s:
        site = _open_for(site, directory, open_for_s)
    with _running(program, nginx, site):
        yield nginx


@contextlib.contextmanager
def running_site(
    directory: Path, document: Path, changes: dict[str, str], port: int
) -> Iterator[Nginx]:
    """Run the configuration that a document shows, with these changes; it listens on `port`."""
    program = require_tool("nginx")
    directory.mkdir(parents=True, exist_ok=True)
    nginx = Nginx(directory, port)
    with _running(program, nginx, _documented(document, changes)):
        yield nginx


@contextlib.contextmanager
def _running(program: Path, nginx: Nginx, site: str) -> Iterator[None]:
    directory = nginx.directory
    user = "user root;" if os.geteuid() == 0 else ""
    (directory / "nginx.conf").write_text(MAIN.format(user=user, sites=site))
    process = subprocess.Popen(
        [program, "-p", directory, "-e", directory / "error.log", "-c", directory / "nginx.conf"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _wait_until_it_listens(process, nginx)
        yield
    finally:
        process.terminate()
        process.wait(10)
        assert process.stderr is not None
        process.stderr.close()


def _documented(document: Path, changes: dict[str, str]) -> str:
    blocks = re.findall(r"^```nginx\n(.*?)^```", document.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1, f"{document} should show one complete configuration"
    site = re.sub(r"^ *ssl_certificate.*\n", "", blocks[0], flags=re.MULTILINE)
    for shown, used in changes.items():
        assert site.count(shown) == 1, f"{document} should say {shown!r} once"
        site = site.replace(shown, used)
    return site


def _open_for(site: str, directory: Path, seconds: int) -> str:
    """Return the site that goes on by old answers, as docs/sso/when-we-are-down.md says."""
    text = (REPOSITORY / "docs" / "sso" / "when-we-are-down.md").read_text()
    (cache,) = re.findall(r"^```nginx-cache\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    (lines,) = re.findall(r"^```nginx-open\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    cache = cache.replace("/var/cache/nginx/passmuster", str(directory / "cache"))
    lines = lines.replace("Open-For 900", f"Open-For {seconds}")
    place = "location = /passmuster-gate {\n"
    assert site.count(place) == 1
    opened: str = cache + site.replace(place, place + lines)
    return opened


def _wait_until_it_listens(process: "subprocess.Popen[str]", nginx: Nginx) -> None:
    deadline = time.monotonic() + START_WITHIN_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            assert process.stderr is not None
            raise AssertionError(f"nginx ended: {process.stderr.read()}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", nginx.port), 1):
            return
        time.sleep(0.02)
    raise AssertionError(f"nginx does not listen: {nginx.log}")


@contextlib.contextmanager
def running_application() -> Iterator[int]:
    """Run a small helpdesk behind the gate; yields its port."""

    class Helpdesk(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10

        def do_GET(self) -> None:
            if self.headers.get("Upgrade"):
                self._switch()
                return
            body = b"Welcome to the helpdesk"
            self.send_response(403 if self.path == "/forbidden" else 200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-Who", self.headers.get("X-Passmuster-Subject", ""))
            self.send_header("X-Token-Seen", str("passmuster_gate_" in str(self.headers)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def _switch(self) -> None:
            """Speak another protocol from here on: it says everything back."""
            self.send_response(101)
            self.send_header("Connection", "upgrade")
            self.send_header("Upgrade", self.headers["Upgrade"])
            self.end_headers()
            self.wfile.write(self.rfile.readline())
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - inherited
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Helpdesk) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
