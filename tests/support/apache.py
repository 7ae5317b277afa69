"""A real Apache in a directory of its own, with the very configuration of docs/sso/apache.md."""

import contextlib
import os
import re
import secrets
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.support.running_server import RunningServer
from tests.support.signing_in import Registered
from tests.support.tools import REPOSITORY, missing, require_tool

DOCUMENT = REPOSITORY / "docs" / "sso" / "apache.md"
MODULES = Path("/usr/lib/apache2/modules")
START_WITHIN_S = 20.0
STOP_WITHIN_S = 15.0
CALLBACK = "/passmuster-callback"

NEEDED = (
    "mpm_event",
    "authn_core",
    "authz_core",
    "authz_user",
    "auth_openidc",
    "proxy",
    "proxy_http",
)
MAIN = """\
ServerRoot {directory}
PidFile apache.pid
ErrorLog error.log
DefaultRuntimeDir {directory}
Mutex sem
Listen 127.0.0.1:{port}
ServerName 127.0.0.1
StartServers 1
{modules}
{user}
{site}
"""


@dataclass
class Apache:
    """One that runs."""

    directory: Path
    port: int

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """Its error log."""
        log = self.directory / "error.log"
        return log.read_text(encoding="utf-8") if log.exists() else ""


@contextlib.contextmanager
def running_apache(
    directory: Path, port: int, *, passmuster: RunningServer, client: Registered, application: int
) -> Iterator[Apache]:
    """Run the documented site in front of `application`, as `client` of `passmuster`."""
    program = require_tool("apache2")
    if not (MODULES / "mod_auth_openidc.so").exists():
        missing("mod_auth_openidc is not installed; .ci/packages.txt lists its package")
    directory.mkdir(parents=True, exist_ok=True)
    apache = Apache(directory, port)
    (directory / "client.conf").write_text(
        f"OIDCClientID {client.client}\nOIDCClientSecret {client.secret}\n"
        f"OIDCCryptoPassphrase {secrets.token_hex(32)}\n"
    )
    site = _documented(
        {
            "<VirtualHost *:443>": f"<VirtualHost 127.0.0.1:{port}>",
            "https://passmuster.example.com/": f"{passmuster.url}/",
            "https://helpdesk.example.com/": f"{apache.url}/",
            "/etc/apache2/passmuster-client.conf": str(directory / "client.conf"),
            "ProxyPass        / http://127.0.0.1:8080/": (
                f"ProxyPass        / http://127.0.0.1:{application}/"
            ),
            "ProxyPassReverse / http://127.0.0.1:8080/": (
                f"ProxyPassReverse / http://127.0.0.1:{application}/"
            ),
        }
    )
    modules = "\n".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in NEEDED)
    user = "User www-data\nGroup www-data" if os.geteuid() == 0 else ""
    (directory / "apache.conf").write_text(
        MAIN.format(directory=directory, port=port, modules=modules, user=user, site=site)
    )
    process = subprocess.Popen(
        [program, "-DFOREGROUND", "-f", directory / "apache.conf"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _wait_until_it_listens(process, apache)
        yield apache
    finally:
        process.terminate()
        try:
            process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stderr is not None
        process.stderr.close()


@contextlib.contextmanager
def running_helpdesk() -> Iterator[int]:
    """Run an application that welcomes whom Apache names; yields its port."""

    class Helpdesk(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            person = escape(self.headers.get("OIDC_CLAIM_email", "nobody"))
            body = (
                "<!doctype html><title>Helpdesk</title><link rel=icon href=data:,>"
                f"<h1>Welcome to the helpdesk</h1><p data-testid=person>{person}</p>"
            ).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

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


def _documented(changes: dict[str, str]) -> str:
    text = DOCUMENT.read_text(encoding="utf-8")
    blocks = re.findall(r"^```apache\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1, f"{DOCUMENT} should show one complete site"
    # Loopback needs no TLS.
    site = re.sub(r"^ *(SSL|ServerName).*\n", "", blocks[0], flags=re.MULTILINE)
    for shown, used in changes.items():
        assert site.count(shown) == 1, f"{DOCUMENT} should say {shown!r} once"
        site = site.replace(shown, used)
    return site


def _wait_until_it_listens(process: "subprocess.Popen[str]", apache: Apache) -> None:
    deadline = time.monotonic() + START_WITHIN_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            assert process.stderr is not None
            raise AssertionError(f"Apache ended: {process.stderr.read()}{apache.log}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", apache.port), 1):
            return
        time.sleep(0.02)
    raise AssertionError(f"Apache does not listen: {apache.log}")
