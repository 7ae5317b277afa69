"""What a browser sees while it proves its device."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from passmuster_collectors.contract import codec, confirmation
from passmuster_collectors.contract.attestation import PORTS, RETURN_PATH
from passmuster_collectors.contract.canonical import canonical_bytes
from passmuster_collectors.contract.errors import ContractError
from passmuster_server.proof.browsers import WINDOW
from passmuster_server.proof.confirmations import Confirmations
from passmuster_server.proof.service import Proofs, Visit, loopback_url
from passmuster_server.schema import DEFAULT_ORGANISATION
from passmuster_server.services import Services
from passmuster_server.web.bodies import read_body
from passmuster_server.web.problems import RefusalError
from passmuster_server.web.worker_pages import STYLE_HASH, WorkerPages

HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; script-src 'self'; "
        "img-src 'self'; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; "
        "base-uri 'none'"
    ),
    # The page has to keep hold of the small window, which goes to the laptop and comes back.
    "Cross-Origin-Opener-Policy": "unsafe-none",
    "Referrer-Policy": "no-referrer",
}
MAX_BODY = 8 * 1024
API = "/api/v1/"
OVER = "This check is over, or it belongs to another browser."
NO_ANSWER = "This is not an answer of a laptop."
NO_STORE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


class ProofPages:
    """`/proof/{visit}` and what belongs to it."""

    def __init__(
        self, proofs: Proofs, confirmations: Confirmations, *, public_url: str, contact: str
    ) -> None:
        self._proofs = proofs
        self._confirmations = confirmations
        folder = Path(__file__).parent / "templates"
        self._pages = WorkerPages(folder, public_url=public_url, contact=contact)

    async def page(self, request: Request) -> Response:
        """Return the page that sends the browser to its laptop, with a challenge of its own."""
        visit = await self._visit(request)
        if visit is None:
            return self._over(request)
        summons = await self._proofs.summon(visit)
        base = f"/proof/{visit.visit}"
        return self._pages.response(
            request,
            "proof.html",
            headers=HEADERS,
            application=visit.application,
            ports=PORTS,
            urls=[loopback_url(port, summons) for port in PORTS],
            state=f"{base}/state",
            back=f"{base}/back",
            again=base,
            number=f"{base}/number",
        )

    async def number(self, request: Request) -> Response:
        """Return the page with a number to confirm at the laptop, for a browser that can't go."""
        visit = await self._visit(request)
        if visit is None:
            return self._over(request)
        try:
            number = await self._confirmations.show(request, visit)
        except RefusalError as error:
            return self._refused(
                request, error.problem.code, error.problem.detail, error.problem.status
            )
        base = f"/proof/{visit.visit}"
        return self._pages.response(
            request,
            "proof_number.html",
            headers=HEADERS,
            application=visit.application,
            number=f"{number[:4]} {number[4:]}",
            minutes=confirmation.LIFETIME_S // 60,
            lasts_s=confirmation.LIFETIME_S,
            state=f"{base}/state",
            back=f"{base}/back",
            again=f"{base}/number",
        )

    async def state(self, request: Request) -> Response:
        """Tell the page how far its visit has come."""
        visit = await self._visit(request)
        if visit is None:
            return JSONResponse({"state": "over"}, 404, headers=NO_STORE)
        proven = await self._proofs.proven_during(visit)
        return JSONResponse({"state": "proven" if proven else "waiting"}, headers=NO_STORE)

    async def back(self, request: Request) -> Response:
        """Send the browser to the door it came from, proven or not."""
        visit = await self._visit(request)
        if visit is None:
            return self._over(request)
        response = RedirectResponse(visit.back, 303, headers=NO_STORE)
        port = request.query_params.get("port", "")
        if port in map(str, PORTS) and await self._proofs.proven_during(visit):
            self._proofs.browsers.remember_port(response, int(port))
        return response

    async def returned(self, request: Request) -> Response:
        """Take in what the browser brings from its laptop."""
        try:
            visit = await self._proofs.take_in(
                request, DEFAULT_ORGANISATION, request.query_params.get("a", "")
            )
        except RefusalError as error:
            return self._refused(request, error.problem.code, error.problem.detail)
        except ContractError:
            return self._refused(request, "malformed", NO_ANSWER)
        if request.cookies.get(WINDOW):
            return self._pages.response(request, "proof_done.html", headers=HEADERS, here="")
        response = RedirectResponse(visit.back, 303, headers=NO_STORE)
        if visit.port:
            self._proofs.browsers.remember_port(response, visit.port)
        return response

    async def _visit(self, request: Request) -> Visit | None:
        name = request.path_params["visit"]
        if len(name) > 64:
            return None
        return await self._proofs.visit_of(request, DEFAULT_ORGANISATION, name)

    def _over(self, request: Request) -> Response:
        return self._refused(request, "over", OVER, 404)

    def _refused(self, request: Request, code: str, detail: str, status: int = 403) -> Response:
        return self._pages.response(
            request,
            "proof_refused.html",
            status=status,
            headers=HEADERS,
            here="",
            code=code,
            detail=detail,
        )


class ConfirmationRoutes:
    """`POST /api/v1/confirmations/question` and `/api/v1/confirmations`: a laptop's part."""

    def __init__(self, confirmations: Confirmations) -> None:
        self._confirmations = confirmations

    async def question(self, request: Request) -> Response:
        """Answer a signed `NumberQuestion` with `BrowserAsking`."""
        return _json(await self._confirmations.question(request, await _body(request)))

    async def confirm(self, request: Request) -> Response:
        """Answer a signed `Confirmation` with `Confirmed`."""
        return _json(await self._confirmations.confirm(request, await _body(request)))


async def _body(request: Request) -> bytes:
    return await read_body(request, limit=MAX_BODY, content_type="application/jose")


def _json(message: object) -> Response:
    return Response(
        canonical_bytes(codec.encode(message)), media_type="application/json", headers=NO_STORE
    )


def routes(services: Services) -> list[Route]:
    """Return the routes of this area."""
    config = services.config
    proofs = Proofs(services)
    confirmations = Confirmations(services, proofs, DEFAULT_ORGANISATION)
    pages = ProofPages(proofs, confirmations, public_url=config.public_url, contact=config.contact)
    laptops = ConfirmationRoutes(confirmations)
    return [
        Route(API + confirmation.QUESTION_PATH, laptops.question, methods=["POST"]),
        Route(API + confirmation.PATH, laptops.confirm, methods=["POST"]),
        Route(RETURN_PATH, pages.returned, methods=["GET"]),
        Route("/proof/{visit}", pages.page, methods=["GET"]),
        Route("/proof/{visit}/state", pages.state, methods=["GET"]),
        Route("/proof/{visit}/number", pages.number, methods=["GET"]),
        Route("/proof/{visit}/back", pages.back, methods=["GET"]),
    ]
