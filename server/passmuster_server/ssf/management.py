"""The event stream management API (SSF 1.0, section 8.1): receivers manage their own streams."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from passmuster_collectors.contract.errors import ContractError
from passmuster_server.clock import Clock
from passmuster_server.database import Database
from passmuster_server.gate.callers import SSF_MANAGE, SSF_READ, GateClient
from passmuster_server.gate.clients import GateClients
from passmuster_server.ssf import outbox, streams
from passmuster_server.ssf.bell import Bell
from passmuster_server.ssf.bodies import read_json
from passmuster_server.ssf.messages import (
    MIN_VERIFICATION_INTERVAL_S,
    Configuration,
    StatusChange,
    SubjectChange,
    VerificationRequest,
    check_supplied,
    configuration_of,
    settings_of,
)
from passmuster_server.ssf.stream import Status, Stream
from passmuster_server.ssf.subjects import checked_subject
from passmuster_server.web.problems import RefusalError

T = TypeVar("T")

_HEADERS = {"Cache-Control": "no-store"}


class Management:
    """The endpoints. Each raises `RefusalError`, `ContractError` and `StoreUnavailableError`."""

    def __init__(
        self, clients: GateClients, database: Database, clock: Clock, bell: Bell, issuer: str
    ) -> None:
        self._clients = clients
        self._database = database
        self._clock = clock
        self._bell = bell
        self._issuer = issuer

    async def configuration(self, request: Request) -> Response:
        """Create, read, update, replace or delete a stream (8.1.1)."""
        if request.method in ("GET", "HEAD"):
            return await self._read(request)
        client = await self._managing(request)
        if request.method == "DELETE":
            stream = _required_stream(request)
            await self._write(lambda c: streams.delete_stream(c, client, stream))
            return Response(status_code=204, headers=_HEADERS)
        given = await read_json(request, Configuration, empty=b"{}")
        if request.method == "POST":
            settings = settings_of(given, client)
            now = self._clock()
            created = await self._write(lambda c: streams.create_stream(c, client, settings, now))
            return _json(configuration_of(created, self._issuer), 201)
        return await self._change(client, given, replace=request.method == "PUT")

    async def status(self, request: Request) -> Response:
        """Read or change a stream's status (8.1.2)."""
        if request.method == "POST":
            client = await self._managing(request)
            given = await read_json(request, StatusChange)
            stream = await self._write(
                lambda c: streams.change_status(
                    c, client, given.stream_id, given.status, given.reason
                )
            )
        else:
            client = await self._reading(request)
            stream = await self._find(client, _required_stream(request))
        shown = {"stream_id": stream.stream, "status": stream.status.value}
        return _json(shown if stream.reason is None else {**shown, "reason": stream.reason})

    async def add_subject(self, request: Request) -> Response:
        """Have a subject's events in the stream again (8.1.3.2)."""
        client, given = await self._managing(request), await read_json(request, SubjectChange)
        subject = checked_subject(given.subject)
        await self._write(
            lambda c: streams.add_subject(
                c, streams.find_stream(c, client, given.stream_id), subject
            )
        )
        return Response(status_code=200, headers=_HEADERS)

    async def remove_subject(self, request: Request) -> Response:
        """Leave a subject's events out of the stream (8.1.3.3)."""
        client, given = await self._managing(request), await read_json(request, SubjectChange)
        subject = checked_subject(given.subject)
        await self._write(
            lambda c: streams.remove_subject(
                c, streams.find_stream(c, client, given.stream_id), subject
            )
        )
        return Response(status_code=204, headers=_HEADERS)

    async def verify(self, request: Request) -> Response:
        """Send a verification event over the stream (8.1.4.2)."""
        client, given = await self._managing(request), await read_json(request, VerificationRequest)
        now = self._clock()
        interval = timedelta(seconds=MIN_VERIFICATION_INTERVAL_S)

        def work(connection: Connection) -> None:
            stream = streams.find_stream(connection, client, given.stream_id)
            if stream.status is Status.DISABLED:
                raise ContractError("stream_id", "the stream is disabled")
            if stream.verification_at is not None and now - stream.verification_at < interval:
                raise RefusalError(
                    429,
                    "too_often",
                    f"Ask at most every {MIN_VERIFICATION_INTERVAL_S} s.",
                    headers={"Retry-After": str(MIN_VERIFICATION_INTERVAL_S)},
                )
            streams.note_verification(connection, stream, now)
            outbox.put_verification(connection, stream, given.state, self._issuer, now)

        await self._write(work)
        return Response(status_code=204, headers=_HEADERS)

    async def _read(self, request: Request) -> Response:
        client = await self._reading(request)
        stream = request.query_params.get("stream_id")
        if stream is not None:
            return _json(configuration_of(await self._find(client, stream), self._issuer))
        found = await self._database.read(lambda c: streams.streams_of(c, client))
        return _json([configuration_of(each, self._issuer) for each in found])

    async def _change(self, client: GateClient, given: Configuration, *, replace: bool) -> Response:
        stream = given.stream_id
        if stream is None:
            raise ContractError("stream_id", "missing")

        def work(connection: Connection) -> Stream:
            before = streams.find_stream(connection, client, stream)
            check_supplied(given, configuration_of(before, self._issuer))
            settings = settings_of(given, client, None if replace else before.settings)
            return streams.change_settings(connection, client, stream, settings)

        changed = await self._write(work)
        return _json(configuration_of(changed, self._issuer))

    async def _find(self, client: GateClient, stream: str) -> Stream:
        try:
            return await self._database.read(lambda c: streams.find_stream(c, client, stream))
        except LookupError:
            raise _no_stream() from None

    async def _write(self, work: Callable[[Connection], T]) -> T:
        try:
            result = await self._database.write(lambda transaction: work(transaction.connection))
        except LookupError:
            raise _no_stream() from None
        except streams.TooManyStreamsError:
            raise RefusalError(
                409, "too_many_streams", f"A receiver has at most {streams.MAX_STREAMS} streams."
            ) from None
        except streams.TooManySubjectsError:
            raise RefusalError(
                403, "too_many_subjects", "The stream leaves out as many subjects as it can."
            ) from None
        self._bell.ring()
        return result

    async def _managing(self, request: Request) -> GateClient:
        return await self._clients.authenticate(request.headers.get("authorization"), SSF_MANAGE)

    async def _reading(self, request: Request) -> GateClient:
        return await self._clients.authenticate(
            request.headers.get("authorization"), SSF_READ, SSF_MANAGE
        )


def _required_stream(request: Request) -> str:
    stream = request.query_params.get("stream_id")
    if not stream:
        raise ContractError("stream_id", "missing")
    return stream


def _no_stream() -> RefusalError:
    return RefusalError(404, "no_stream", "You have no such stream.", field="stream_id")


def _json(value: Any, status: int = 200) -> Response:
    return Response(
        msgspec.json.encode(value), status, media_type="application/json", headers=_HEADERS
    )
