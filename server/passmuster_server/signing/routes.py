"""`GET /.well-known/jwks.json`: the keys that this server's signatures are checked with."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from passmuster_server.services import Services
from passmuster_server.signing.service import SigningKeys

JWKS_PATH = "/.well-known/jwks.json"


def routes(services: Services) -> list[Route]:
    """Return the routes of this area."""
    services.run_beside(services.signing.task)
    return [Route(JWKS_PATH, _KeySet(services.signing).answer, methods=["GET"])]


class _KeySet:
    def __init__(self, signing: SigningKeys) -> None:
        self._signing = signing

    async def answer(self, _: Request) -> Response:
        return Response(
            msgspec.json.encode(await self._signing.published()),
            media_type="application/json",
            headers={"Cache-Control": "max-age=3600", "Access-Control-Allow-Origin": "*"},
        )
