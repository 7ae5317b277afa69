"""A real Caddy in a directory of its own, with the configuration of docs/sso/forward-auth.md."""

import contextlib
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.support.tools import REPOSITORY, require_tool

DOCUMENT = REPOSITORY / "docs" / "sso" / "forward-auth.md"
START_WITHIN_S = 20.0
GLOBAL = "{\n\tadmin off\n\tauto_https off\n}\n"


@contextlib.contextmanager
def running_caddy(
    directory: Path, *, passmuster: int, application: int, token: str, port: int
) -> Iterator[None]:
    """Run the documented gate between these ports, at `port`."""
    program = require_tool("caddy")
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "token").write_text(f'header_up Authorization "Bearer {token}"\n')
    (block,) = re.findall(r"^```caddy\n(.*?)^```", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    site = block.replace("helpdesk.example.com {", f"http://127.0.0.1:{port} {{\n\tbind 127.0.0.1")
    for shown, used in {
        "127.0.0.1:8463": f"127.0.0.1:{passmuster}",
        "127.0.0.1:8080": f"127.0.0.1:{application}",
        "/etc/caddy/passmuster-token": str(directory / "token"),
    }.items():
        assert site.count(shown) == 1, f"{DOCUMENT} should say {shown!r} once"
        site = site.replace(shown, used)
    (directory / "Caddyfile").write_text(GLOBAL + site)
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "run", "--config", directory / "Caddyfile", "--adapter", "caddyfile"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=directory,
            env={"HOME": str(directory), "PATH": "/usr/bin"},
        )
    try:
        deadline = time.monotonic() + START_WITHIN_S
        while True:
            told = (directory / "log").read_text(errors="replace")
            assert process.poll() is None, f"Caddy ended: {told}"
            assert time.monotonic() < deadline, f"Caddy does not listen: {told}"
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(10)
