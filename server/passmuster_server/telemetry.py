"""Traces by OpenTelemetry, sent over OTLP/HTTP: imported only where `traces_endpoint` is set.

A trace says how long the parts of a request took. It holds route templates, methods, status codes
and the outcomes that the metrics count too; no person, no device, no address, no path and no error
text. Every request begins a trace of its own: a `traceparent` is not looked at, because a proxy
passes on the one of whoever asks, who would then choose what is recorded and under which id.
"""

import contextvars
import functools
import secrets
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

import requests
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.trace import Span, SpanKind, StatusCode
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from passmuster_server import __version__
from passmuster_server.database import Ahead, Database, Transaction
from passmuster_server.spans import About

P = ParamSpec("P")
T = TypeVar("T")

EXPORT_WITHIN_S = 5
LAST_EXPORT_WITHIN_S = 3.0
"""What is not sent this long after the server's end is lost: nobody waits for a collector."""

NOT_TRACED = frozenset({"/healthz", "/readyz", "/fleet/events"})
"""Asked by machines every few seconds; and one that lasts for as long as a page is open."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Telemetry:
    """Makes spans and sends them to `endpoint` in the background; `percent` of traces are kept.

    At most 2,048 spans wait; a collector that is slow or away costs spans, never a request.
    """

    def __init__(self, endpoint: str, percent: int) -> None:
        session = requests.Session()
        # No proxy and no password that the environment or a .netrc names.
        session.trust_env = False
        self._exporter = OTLPSpanExporter(
            endpoint, timeout=EXPORT_WITHIN_S, compression=Compression.Gzip, session=session
        )
        self._provider = TracerProvider(
            sampler=ParentBasedTraceIdRatio(percent / 100),
            # By hand: detectors would tell the host's name and the command line.
            resource=Resource(
                {
                    "service.name": "passmuster-server",
                    "service.version": __version__,
                    "service.instance.id": secrets.token_hex(8),
                }
            ),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer("passmuster_server", __version__)

    @contextmanager
    def span(self, name: str, kind: SpanKind = SpanKind.INTERNAL) -> Iterator[Span]:
        """Measure a block. Of an error it keeps the kind: the text may quote what was handled."""
        with self._tracer.start_as_current_span(
            name, kind=kind, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield span
            except BaseException as error:
                span.set_status(StatusCode.ERROR)
                span.set_attribute("error.type", type(error).__name__)
                raise

    def around(
        self, name: str, work: Callable[P, T], about: About[T] | None = None
    ) -> Callable[P, T]:
        """Return `work` as a span."""

        @functools.wraps(work)
        def measured(*arguments: P.args, **named: P.kwargs) -> T:
            with self.span(name) as span:
                result = work(*arguments, **named)
                if about is not None and span.is_recording():
                    span.set_attributes(about(result))
                return result

        return measured

    def around_async(
        self, name: str, work: Callable[P, Awaitable[T]], about: About[T] | None = None
    ) -> Callable[P, Awaitable[T]]:
        """Return the coroutine `work` as a span."""

        @functools.wraps(work)
        async def measured(*arguments: P.args, **named: P.kwargs) -> T:
            with self.span(name) as span:
                result = await work(*arguments, **named)
                if about is not None and span.is_recording():
                    span.set_attributes(about(result))
                return result

        return measured

    def database(self, url: str) -> Database:
        """Return a database whose writes are spans. Raises `ValueError` as every database does."""
        return _TracedDatabase(url, self)

    def requests(self, app: ASGIApp) -> ASGIApp:
        """Return `app` with a span for each request."""
        return _TracedRequests(app, self)

    def stop(self) -> None:
        """Send what waits, for a few seconds at most; blocks so long."""
        give_up = threading.Timer(LAST_EXPORT_WITHIN_S, self._exporter.shutdown)
        give_up.start()
        self._provider.shutdown()
        give_up.cancel()


class _TracedDatabase(Database):
    """A database whose writes are spans of the requests that wait for them.

    Such a span is as long as the write: it waits in the queue, runs in the thread that commits, and
    is durable at its end. What `work` does there is inside of it.
    """

    def __init__(self, url: str, telemetry: Telemetry) -> None:
        super().__init__(url)
        self._telemetry = telemetry

    async def write(self, work: Callable[[Transaction], T], ahead: Ahead | None = None) -> T:
        """Write as every database does."""
        # What runs beside the requests writes every few seconds: its metrics are enough.
        if not trace.get_current_span().is_recording():
            return await super().write(work, ahead)
        with self._telemetry.span("store commit"):
            here = contextvars.copy_context()
            return await super().write(lambda transaction: here.run(work, transaction), ahead)


class _TracedRequests:
    """The application as a span for each request: its method, its route and its status."""

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self._app = app
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or scope["path"] in NOT_TRACED:
            await self._app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        with self._telemetry.span(method, SpanKind.SERVER) as span:

            async def noted(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                    if message["status"] >= 500:
                        span.set_status(StatusCode.ERROR)
                await send(message)

            try:
                await self._app(scope, receive, noted)
            except Exception:
                # Answered further out.
                span.set_attribute("http.response.status_code", 500)
                raise
            finally:
                route = scope.get("route")
                span.set_attribute("http.request.method", method)
                if isinstance(route, Route):
                    span.set_attribute("http.route", route.path)
                    span.update_name(f"{method} {route.path}")
