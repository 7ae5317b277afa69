"""A receiver of traces as the OTLP specification has it: protobuf over HTTP, on loopback."""

import gzip
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.support.listening import QuietHandler, listening_at

PATH = "/v1/traces"
PATIENCE_S = 60.0


@dataclass
class TraceReceiver:
    """What has arrived: spans, what they say of their sender, and every request as it came."""

    url: str = ""
    spans: list[Span] = field(default_factory=list)
    resource: dict[str, str] = field(default_factory=dict)
    raw: list[bytes] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def take(self, path: str, headers: Any, body: bytes) -> None:
        """Decode a request; what is not as the specification says is a problem."""
        with self.arrived:
            if path != PATH or headers["Content-Type"] != "application/x-protobuf":
                self.problems.append(f"{path} {headers['Content-Type']}")
            plain = gzip.decompress(body) if headers["Content-Encoding"] == "gzip" else body
            self.raw.append(plain)
            for sender in ExportTraceServiceRequest.FromString(plain).resource_spans:
                said = {each.key: each.value.string_value for each in sender.resource.attributes}
                self.resource.update(said)
                for scope in sender.scope_spans:
                    self.spans.extend(scope.spans)
            self.arrived.notify_all()

    def wait_for(self, name: str, among: Callable[[Span], bool] = lambda _: True) -> Span:
        """Return the first span of this name that is as asked for."""

        def found() -> Span | None:
            return next((each for each in self.spans if each.name == name and among(each)), None)

        with self.arrived:
            span = self.arrived.wait_for(found, PATIENCE_S)
        assert self.problems == []
        assert span, f"no {name!r} among {sorted({each.name for each in self.spans})}"
        return span


def attributes(span: Span) -> dict[str, Any]:
    """Return a span's attributes as plain values."""
    return {
        each.key: getattr(each.value, each.value.WhichOneof("value") or "string_value")
        for each in span.attributes
    }


@contextmanager
def trace_receiver() -> Iterator[TraceReceiver]:
    """Listen on a free port of loopback."""
    receiver = TraceReceiver()

    class Handler(QuietHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:  # noqa: N802 - http.server's name
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.take(self.path, self.headers, body)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

    with listening_at(Handler) as origin:
        receiver.url = origin + PATH
        yield receiver
