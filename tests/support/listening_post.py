"""A receiver of posted JSON, as that of a chat."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support.listening import QuietHandler, listening_at


@dataclass
class Post:
    """What has arrived at `url`."""

    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, bodies: int) -> None:
        with self.arrived:
            held = self.arrived.wait_for(lambda: len(self.bodies) >= bodies, 40)
        assert held, f"{len(self.bodies)} of {bodies} posts came"


@contextmanager
def listening_post(context: ssl.SSLContext | None = None) -> Iterator[Post]:
    """Listen on a port, with `context` by TLS."""
    post = Post()

    class Handler(QuietHandler):
        def do_POST(self) -> None:  # noqa: N802 - http.server's name
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with post.arrived:
                post.bodies.append(json.loads(body))
                post.types.append(self.headers["Content-Type"])
                post.arrived.notify_all()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

    with listening_at(Handler, context) as origin:
        post.url = f"{origin}/services/T0/B0/secret"
        yield post
