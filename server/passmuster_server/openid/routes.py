"""The one address that the provider sends browsers back to, whatever somebody logged in for."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from passmuster_server.devices.limits import AddressLimit, requester
from passmuster_server.openid.arrivals import Arrivals
from passmuster_server.openid.login import ARRIVALS, BEGINNINGS, RETURN_PATH, Purpose
from passmuster_server.openid.person import role_of
from passmuster_server.openid.relying_party import LoginError, RelyingParty
from passmuster_server.services import Services
from passmuster_server.web.pages import Pages

FAILURES = 60
FAILURES_WITHIN_S = 300.0
"""From one address, behind which many may be: each lets us ask the provider in our own name."""


class Return:
    """Takes browsers back, and leads them on as what they are then: our own visitors."""

    def __init__(self, party: RelyingParty, arrivals: Arrivals) -> None:
        self._party = party
        self._arrivals = arrivals
        self._failed = AddressLimit(FAILURES, FAILURES_WITHIN_S)
        self._pages = Pages(Path(__file__).parent / "templates")

    async def arrive(self, request: Request) -> Response:
        """Find out who has come, and keep it for the next request."""
        kept = self._party.kept(request)
        purpose = kept.purpose if kept is not None else Purpose.SIGN_IN
        address = requester(request)
        if self._failed.wait_s(address) > 0:
            return self._nothing("Too many sign-ins came to nothing. Wait.", purpose, status=429)
        # Before the provider is asked: many at once are as many.
        self._failed.count(address)
        try:
            login, person = await self._party.take_back(request)
        except LoginError as error:
            return self._nothing(str(error), purpose)
        self._failed.take_back(address)
        response = self._pages.response("arriving.html", onward=ARRIVALS[login.purpose])
        role = role_of(person, self._party.settings)
        await self._arrivals.keep(response, login.purpose, login.back, person, role)
        self._party.end(response)
        return response

    def _nothing(self, problem: str, purpose: Purpose, *, status: int = 403) -> Response:
        """Return the page that says why nobody has come, and where to begin anew."""
        return self._pages.response(
            "came_to_nothing.html", status=status, problem=problem, again=BEGINNINGS[purpose]
        )


def routes(services: Services) -> list[Route]:
    """Return the route, where the organisation has a sign-in of its own."""
    if services.openid is None:
        return []
    arrivals = Arrivals(services.signing, services.clock, services.config.public_url)
    return [Route(RETURN_PATH, Return(services.openid, arrivals).arrive, methods=["GET"])]
