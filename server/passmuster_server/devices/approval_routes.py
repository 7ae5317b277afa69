"""The pages where a worker approves a laptop after signing in, and where the laptop asks for it."""

from datetime import timedelta
from pathlib import Path

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from passmuster_collectors.contract import codec, strict_json
from passmuster_collectors.contract.enrolment import ApprovalStart, ApprovalStarted
from passmuster_collectors.contract.errors import ContractError
from passmuster_server.config_openid import AT_ONCE, OFF
from passmuster_server.database import Transaction
from passmuster_server.devices import approvals, store
from passmuster_server.devices.addresses import Addresses, are_same
from passmuster_server.devices.approvals import Laptop
from passmuster_server.devices.doors import OwnerError, checked_owner
from passmuster_server.devices.limits import AddressLimit, requester
from passmuster_server.devices.routes import (
    MAX_BODY,
    STARTS,
    TOO_MANY_LAPTOPS,
    WITHIN_S,
    json_answer,
    json_body,
    require_room,
)
from passmuster_server.openid.arrivals import LIFETIME, Arrival, Arrivals
from passmuster_server.openid.login import ENROL_PATH, Purpose
from passmuster_server.openid.person import CLOCK_STEP
from passmuster_server.openid.relying_party import LoginError, RelyingParty
from passmuster_server.policy.standing import DeviceStatus
from passmuster_server.schema import DEFAULT_ORGANISATION
from passmuster_server.services import Services
from passmuster_server.web.forms import TOKEN_FIELD, form_token, read_form
from passmuster_server.web.pages import HEADERS
from passmuster_server.web.problems import RefusalError
from passmuster_server.web.worker_pages import HERE, STYLE_HASH, WorkerPages

GUESSES = 10
GUESSES_WITHIN_S = 300.0
"""Of one person, who is known by then: nobody uses up another one's."""
LOGIN_WITHIN = timedelta(minutes=15)
"""How long ago the person may have logged in at the provider when they approve a laptop."""
MAX_AGE_S = int((LOGIN_WITHIN - LIFETIME).total_seconds())
"""How long ago when they come from there: what is left is the time that they have for the code."""
MAX_CODE = 64

TOO_MANY = "Too many wrong codes. Wait a few minutes."
NO_LAPTOP = "No laptop shows this code now. Look again, or begin anew on the laptop."
NOT_YOURS = "This laptop waits for another person's approval."
ANSWERED = "This laptop has its answer already."
NO_ADDRESS = "Your organisation's sign-in does not vouch for an e-mail address of yours."
TOO_LONG_AGO = (
    "Your organisation's sign-in asked you too long ago who you are, or did not say when. "
    "Sign in again."
)

_POLICY = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; img-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
}


class ApprovalRequests:
    """`POST /api/v1/enrolment/approval`: a laptop asks to be approved."""

    def __init__(self, services: Services) -> None:
        self._database = services.database
        self._clock = services.clock
        self._url = services.config.public_url + ENROL_PATH
        self._asked = AddressLimit(STARTS, WITHIN_S)
        self._addresses = Addresses(services.config)

    async def ask(self, request: Request) -> Response:
        """Answer `ApprovalStart` with `ApprovalStarted`."""
        address = requester(request)
        require_room(self._asked, address, TOO_MANY_LAPTOPS)
        self._asked.count(address)
        body = await json_body(request)
        start = codec.decode(ApprovalStart, strict_json.parse(body, max_bytes=MAX_BODY))
        try:
            owner = None if start.owner is None else checked_owner(start.owner)
        except OwnerError:
            raise ContractError("owner", "has to be an e-mail address") from None
        now = self._clock()
        known = await self._database.read(
            lambda connection: store.find_challenge(
                connection, DEFAULT_ORGANISATION, start.enrolment, now
            )
        )
        if known is None:
            raise ContractError("enrolment", "not known, or expired: start again")
        asked = await self._database.write(
            lambda transaction: approvals.ask(
                transaction.connection,
                DEFAULT_ORGANISATION,
                start.enrolment,
                network=self._addresses.known(request),
                owner=owner,
                now=now,
            )
        )
        return json_answer(
            ApprovalStarted(
                asked.device_code,
                asked.user_code,
                self._url,
                int(approvals.LIFETIME.total_seconds()),
                approvals.INTERVAL_S,
            )
        )


class ApprovalPages:
    """The worker's pages: sign in, type the code, look at what asks, answer it.

    No address holds a code: whoever sends somebody a link has to make them type one as well.
    """

    def __init__(self, services: Services, party: RelyingParty) -> None:
        self._party = party
        self._database = services.database
        self._clock = services.clock
        self._public_url = services.config.public_url
        self._at_once = party.settings.enrolment == AT_ONCE
        self._arrivals = Arrivals(services.signing, services.clock, self._public_url)
        self._guesses = AddressLimit(GUESSES, GUESSES_WITHIN_S)
        self._addresses = Addresses(services.config)
        self._pages = WorkerPages(
            Path(__file__).parent / "templates",
            public_url=self._public_url,
            contact=services.config.contact,
        )

    async def show(self, request: Request) -> Response:
        """Show where to sign in, or where to type the code."""
        arrival = await self._arrivals.of(request, Purpose.ENROL)
        if arrival is not None and (doubt := self._doubt(arrival)):
            return self._page(request, None, status=403, problem=doubt)
        return self._page(request, arrival)

    async def begin(self, request: Request) -> Response:
        """Lead to the organisation's sign-in."""
        try:
            return await self._party.lead(Purpose.ENROL, ENROL_PATH, max_age_s=MAX_AGE_S)
        except LoginError as error:
            return self._page(request, None, status=503, problem=str(error))

    async def look(self, request: Request) -> Response:
        """Show which laptop shows the code."""
        return await self._with_laptop(request, answer=False)

    async def answer(self, request: Request) -> Response:
        """Approve the laptop, or turn it down."""
        return await self._with_laptop(request, answer=True)

    async def _with_laptop(self, request: Request, *, answer: bool) -> Response:
        arrival = await self._arrivals.of(request, Purpose.ENROL)
        if arrival is None:
            return RedirectResponse(ENROL_PATH, 303, headers=dict(HEADERS))
        fields = await read_form(request, secret=arrival.token, public_url=self._public_url)
        code = fields.get("code", "")[:MAX_CODE]
        if doubt := self._doubt(arrival):
            return self._page(request, None, status=403, problem=doubt)
        if self._guesses.wait_s(arrival.identity) > 0:
            return self._page(request, arrival, status=429, problem=TOO_MANY)
        # Before anything is waited for: many at once are as many.
        self._guesses.count(arrival.identity)
        now = self._clock()
        laptop = await self._database.read(
            lambda connection: approvals.find_laptop(connection, DEFAULT_ORGANISATION, code, now)
        )
        if laptop is None:
            return self._page(request, arrival, status=403, problem=NO_LAPTOP)
        self._guesses.take_back(arrival.identity)
        if laptop.owner is not None and laptop.owner.casefold() != arrival.email.casefold():
            return self._page(request, arrival, status=403, problem=NOT_YOURS)
        near = are_same(self._addresses.known(request), laptop.network)
        if not answer:
            return self._page(request, arrival, laptop=laptop, code=code, near=near)
        # On one machine both mostly come from one network; what does not, or is not known to, IT
        # looks at first.
        trusted = self._at_once and near is True and arrival.second_factor
        status = DeviceStatus.ACTIVE if trusted else DeviceStatus.PENDING
        return await self._decide(request, arrival, laptop, status if "approve" in fields else None)

    async def _decide(
        self, request: Request, arrival: Arrival, laptop: Laptop, status: DeviceStatus | None
    ) -> Response:
        now = self._clock()

        def work(transaction: Transaction) -> bool:
            return approvals.decide(
                transaction.connection,
                DEFAULT_ORGANISATION,
                laptop,
                arrival.email,
                status,
                now,
            )

        if not await self._database.write(work):
            return self._page(request, arrival, status=409, problem=ANSWERED)
        response = self._page(
            request,
            arrival,
            laptop=laptop,
            answered=True,
            approved=status is not None,
            waits=status is DeviceStatus.PENDING,
        )
        self._arrivals.forget(response)
        return response

    def _doubt(self, arrival: Arrival) -> str:
        """Return why the arrival shows too little of who it is; empty where it shows enough."""
        try:
            checked_owner(arrival.email)
        except OwnerError:
            return NO_ADDRESS
        # OpenID Connect Core 1.0, section 3.1.3.7, step 13: who asked with max_age looks.
        if self._clock() - arrival.logged_in_at > LOGIN_WITHIN + CLOCK_STEP:
            return TOO_LONG_AGO
        return ""

    def _page(
        self,
        request: Request,
        arrival: Arrival | None,
        *,
        status: int = 200,
        problem: str = "",
        **values: object,
    ) -> Response:
        shown = {"laptop": None, "code": "", "near": True, "answered": False, "approved": False}
        return self._pages.response(
            request,
            "approve.html",
            status=status,
            headers=_POLICY,
            here=HERE if request.method == "GET" else "",
            problem=problem,
            arrival=arrival,
            now=self._clock(),
            token_field=TOKEN_FIELD,
            token="" if arrival is None else form_token(arrival.token),
            **{**shown, "waits": False, **values},
        )


def routes(services: Services) -> list[Route]:
    """Return the routes; where laptops are not enrolled so, they are told that."""
    if services.openid is None or services.openid.settings.enrolment == OFF:
        return [Route("/api/v1/enrolment/approval", _refuse, methods=["POST"])]
    requests = ApprovalRequests(services)
    pages = ApprovalPages(services, services.openid)
    return [
        Route("/api/v1/enrolment/approval", requests.ask, methods=["POST"]),
        Route(ENROL_PATH, pages.show, methods=["GET"]),
        Route(ENROL_PATH, pages.look, methods=["POST"]),
        Route(f"{ENROL_PATH}/sign-in", pages.begin, methods=["GET"]),
        Route(f"{ENROL_PATH}/answer", pages.answer, methods=["POST"]),
    ]


async def _refuse(_: Request) -> Response:
    raise RefusalError(403, "no_sign_in", "Laptops are enrolled with a code from IT here.")
