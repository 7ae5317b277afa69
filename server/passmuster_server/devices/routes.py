"""The addresses of the enrolment ceremony, of the change of a key and of the goodbye."""

import math

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from passmuster_collectors.contract import codec, strict_json
from passmuster_collectors.contract.canonical import canonical_bytes
from passmuster_collectors.contract.enrolment import EnrolmentFinish, EnrolmentStart
from passmuster_server.devices.approvals import WAITING
from passmuster_server.devices.enrolment import Enrolment
from passmuster_server.devices.goodbye import PATH as GOODBYE_PATH
from passmuster_server.devices.goodbye import Goodbyes
from passmuster_server.devices.limits import AddressLimit, requester
from passmuster_server.devices.rotation import PATH, Rotation
from passmuster_server.schema import DEFAULT_ORGANISATION
from passmuster_server.services import Services
from passmuster_server.web.bodies import read_body
from passmuster_server.web.problems import RefusalError

MAX_BODY = 16 * 1024
GUESSES = 20
STARTS = 300
WITHIN_S = 60.0
"""Of one address: wrong codes, and ceremonies that were begun, which take room till they expire."""


TOO_MANY_LAPTOPS = "Too many laptops enrol from this address. Wait a little."
TOO_MANY_CODES = "Too many wrong codes from this address. Wait a little."


class EnrolmentRoutes:
    """`POST /api/v1/enrolment` and `/api/v1/enrolment/finish`."""

    def __init__(self, enrolment: Enrolment) -> None:
        self._enrolment = enrolment
        self._guesses = AddressLimit(GUESSES, WITHIN_S)
        self._starts = AddressLimit(STARTS, WITHIN_S)

    async def start(self, request: Request) -> Response:
        """Answer `EnrolmentStart` with `EnrolmentChallenge`."""
        address = requester(request)
        require_room(self._starts, address, TOO_MANY_LAPTOPS)
        self._starts.count(address)
        body = await json_body(request)
        start = codec.decode(EnrolmentStart, strict_json.parse(body, max_bytes=MAX_BODY))
        return json_answer(await self._enrolment.start(start))

    async def finish(self, request: Request) -> Response:
        """Answer `EnrolmentFinish` with `Enrolled`."""
        address = requester(request)
        require_room(self._guesses, address, TOO_MANY_CODES)
        body = await json_body(request)
        finish = codec.decode(EnrolmentFinish, strict_json.parse(body, max_bytes=MAX_BODY))
        try:
            enrolled = codec.encode(await self._enrolment.finish(finish))
        except RefusalError as error:
            if error.problem.code != WAITING:
                self._guesses.count(address)
            raise
        if not enrolled["waits"]:
            # Agents that know of no waiting refuse the word; theirs are never told to wait.
            del enrolled["waits"]
        return _answer(canonical_bytes(enrolled))


class RotationRoutes:
    """`POST /api/v1/keys`: a device's key gives way to a new one."""

    def __init__(self, rotation: Rotation) -> None:
        self._rotation = rotation

    async def rotate(self, request: Request) -> Response:
        """Answer a signed `KeyRotation` with `KeyRotated`."""
        body = await read_body(request, limit=MAX_BODY, content_type="application/jose")
        return _answer(await self._rotation.take_in(body))


class GoodbyeRoutes:
    """`POST /api/v1/goodbye`: a device leaves."""

    def __init__(self, goodbyes: Goodbyes) -> None:
        self._goodbyes = goodbyes

    async def leave(self, request: Request) -> Response:
        """Answer a signed `Goodbye` with `GoodbyeHeard`."""
        body = await read_body(request, limit=MAX_BODY, content_type="application/jose")
        return json_answer(await self._goodbyes.take_in(body))


def require_room(limit: AddressLimit, address: str, refusal: str) -> None:
    """Raise `RefusalError` 429 where the address has reached the limit."""
    wait_s = limit.wait_s(address)
    if wait_s > 0:
        raise RefusalError(
            429, "too_many_tries", refusal, headers={"Retry-After": str(math.ceil(wait_s))}
        )


async def json_body(request: Request) -> bytes:
    """Return the body of a request that is JSON, and not too large."""
    return await read_body(request, limit=MAX_BODY, content_type="application/json")


def routes(services: Services) -> list[Route]:
    """Return the routes of this area."""
    enrolment = EnrolmentRoutes(
        Enrolment(
            services.database,
            services.policies,
            services.clock,
            DEFAULT_ORGANISATION,
            services.config.oldest_agent,
        )
    )
    rotation = RotationRoutes(
        Rotation(
            services.database,
            services.policies,
            services.clock,
            organisation=DEFAULT_ORGANISATION,
            urls=frozenset(origin + PATH for origin in services.config.addresses),
        )
    )
    goodbye = GoodbyeRoutes(
        Goodbyes(
            services.database,
            services.policies,
            services.clock,
            organisation=DEFAULT_ORGANISATION,
            urls=frozenset(origin + GOODBYE_PATH for origin in services.config.addresses),
        )
    )
    return [
        Route("/api/v1/enrolment", enrolment.start, methods=["POST"]),
        Route("/api/v1/enrolment/finish", enrolment.finish, methods=["POST"]),
        Route(PATH, rotation.rotate, methods=["POST"]),
        Route(GOODBYE_PATH, goodbye.leave, methods=["POST"]),
    ]


def json_answer(message: object) -> Response:
    """Return a message of the contract as the answer."""
    return _answer(canonical_bytes(codec.encode(message)))


def _answer(body: bytes) -> Response:
    return Response(
        body,
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
