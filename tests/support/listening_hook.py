"""A receiver of signed webhooks, which checks them by the Standard Webhooks specification."""

import base64
import hashlib
import hmac
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support.listening import QuietHandler, listening_at


@dataclass
class Hook:
    url: str = ""
    secret: str = ""
    status: int = 204
    answer: bytes = b""
    calls: int = 0
    names: list[str] = field(default_factory=list)
    bodies: dict[str, dict[str, Any]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def take(self, headers: Any, body: bytes) -> int:
        """Verify as the specification says: id, timestamp, then the signature over all three."""
        with self.arrived:
            self.calls += 1
            name, timestamp = headers["webhook-id"], headers["webhook-timestamp"]
            self.names.append(name)
            key = base64.b64decode(self.secret.removeprefix("whsec_"))
            signed = hmac.new(key, f"{name}.{timestamp}.".encode() + body, hashlib.sha256)
            expected = "v1," + base64.b64encode(signed.digest()).decode()
            if headers["webhook-signature"] != expected:
                self.problems.append("the signature")
            if abs(time.time() - int(timestamp)) > 300:
                self.problems.append("the time")
            if headers["Content-Type"] != "application/json":
                self.problems.append("the content type")
            if self.status < 300:
                self.bodies.setdefault(name, json.loads(body))
            self.arrived.notify_all()
            return self.status

    def wait_for_calls(self, calls: int, bodies: int) -> None:
        with self.arrived:
            held = self.arrived.wait_for(
                lambda: self.calls >= calls and len(self.bodies) >= bodies, 30
            )
        assert self.problems == []
        assert held, f"{self.calls} calls, {len(self.bodies)} taken"


@contextmanager
def listening_hook(context: ssl.SSLContext | None = None) -> Iterator[Hook]:
    """Listen on a port, with `context` by TLS."""
    hook = Hook()

    class Handler(QuietHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:  # noqa: N802 - http.server's name
            status = hook.take(self.headers, self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            if status == 302:
                self.send_header("Location", hook.url + "/elsewhere")
            body = b"" if status < 300 else hook.answer
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with listening_at(Handler, context) as origin:
        hook.url = f"{origin}/hook"
        yield hook
