"""The doors for proxies that lead a browser through a proof and keep a session with it.

A proxy asks about every request. With a cookie that counts it is let in; without one a window is
led to the proof and back to the page first asked for, and nothing else is: what a script or a form
sends gets an answer that says so.
"""

import hmac
import secrets
from datetime import timedelta
from urllib.parse import parse_qs

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from passmuster_collectors.contract.canonical import digest
from passmuster_server.clock import Clock
from passmuster_server.gate import blocked as blocked_page
from passmuster_server.gate import forwarded, nginx
from passmuster_server.gate.blocked import BlockedPage
from passmuster_server.gate.callers import GateClient
from passmuster_server.gate.clients import GateClients
from passmuster_server.gate.forwarded import Dialect, Forwarded
from passmuster_server.gate.service import Answer, GateService
from passmuster_server.gate.sessions import GateSessions, Session
from passmuster_server.schema import from_microseconds, to_microseconds
from passmuster_server.signing.service import SigningKeys, UntrustedTokenError
from passmuster_server.web.problems import RefusalError

RETURN = "/.passmuster/return"
"""Where a browser comes back to, on the application's own host."""

NGINX_RETURN = "/gate/return"
START = "/gate/start"
TOKEN = "X-Passmuster-Token"  # noqa: S105 - a header's name
LOCATION = "X-Passmuster-Location"
PAGE = "X-Passmuster-Page"
DEVICE = "X-Passmuster-Device"
BEGIN_LIFETIME = timedelta(minutes=30)
USE = "gate-begin"


class Beginning(msgspec.Struct):
    """What goes with a browser from the application to the proof and back, sealed by us.

    Whoever reads its address in a log or a history learns neither the person nor the path.
    """

    cli: str
    app: str
    sub: str | None
    host: str
    scheme: str
    path: str
    nonce: str
    begun: int


class ForwardAuth:
    """`/gate/traefik`, `/gate/caddy`, `/gate/envoy`, and of nginx what has to do with sessions."""

    def __init__(
        self,
        clients: GateClients,
        service: GateService,
        sessions: GateSessions,
        signing: SigningKeys,
        blocked: BlockedPage,
        clock: Clock,
        public_url: str,
    ) -> None:
        self._clients = clients
        self._service = service
        self._sessions = sessions
        self._signing = signing
        self._blocked = blocked
        self._clock = clock
        self._public_url = public_url
        self._secure = public_url.startswith("https://")
        prefix = "__Host-" if self._secure else ""
        self._cookie = f"{prefix}passmuster_gate"
        self._begin = f"{prefix}passmuster_begin"

    async def answer(self, request: Request, dialect: Dialect) -> Response:
        """Return the answer to a proxy that asks about one request of a browser.

        Raises `RefusalError` for the proxy, `ContractError` naming what it did not tell, and
        `StoreUnavailableError`.
        """
        client, asked = await self._asked(request, dialect)
        if dialect is not Dialect.NGINX and forwarded.path_of(asked.path) == RETURN:
            ticket = _query_of(asked.path, "ticket")
            return await self._return(request, client, asked, ticket)
        session = await self._session(request, client, asked)
        if session is None:
            return await self._begin_anew(request, asked, client, dialect)
        answer = self._service.ask_once(client, session.question)
        if not answer.decision.allowed:
            return await self._denied(request, answer, dialect)
        if self._sessions.is_closed(session):
            return await self._begin_anew(request, asked, client, dialect)
        kept = forwarded.caching(request) if dialect is Dialect.NGINX else "no-store"
        return await self._let_in(session, answer, dialect, kept)

    async def returned(self, request: Request) -> Response:
        """Take a browser back that nginx passes on: `GET /gate/return?ticket=`."""
        client, asked = await self._asked(request, Dialect.NGINX)
        ticket = request.query_params.get("ticket", "")
        return await self._return(request, client, asked, ticket)

    async def beginning(self, token: str) -> Beginning:
        """Return what a browser brings from the application. Raises `RefusalError` 403."""
        try:
            begun = msgspec.json.decode(await self._signing.unseal(USE, token), type=Beginning)
        except (UntrustedTokenError, msgspec.DecodeError):
            begun = None
        now = self._clock()
        if begun is None:
            raise RefusalError(403, "unknown", "This link is not one of ours.")
        if not timedelta(0) <= now - from_microseconds(begun.begun) <= BEGIN_LIFETIME:
            raise RefusalError(403, "over", "This link is too old.")
        return begun

    async def _asked(self, request: Request, dialect: Dialect) -> tuple[GateClient, Forwarded]:
        token = request.headers.get(TOKEN)
        authorization = f"Bearer {token}" if token else request.headers.get("authorization")
        client = await self._clients.authenticate(authorization)
        asked = forwarded.read(request, dialect)
        if asked.host not in client.hosts:
            raise RefusalError(
                403,
                "unknown_host",
                "The caller does not stand in front of this host: see gate-client --host.",
                field="X-Forwarded-Host",
            )
        if self._secure and asked.scheme != "https":
            raise RefusalError(403, "not_encrypted", "The application is to be asked over https.")
        return client, asked

    async def _session(
        self, request: Request, client: GateClient, asked: Forwarded
    ) -> Session | None:
        session = await self._sessions.read(request.cookies.get(self._cookie, ""))
        if session is None:
            return None
        is_its_own = (
            session.client == client.client
            and session.organisation == client.organisation
            and session.host == asked.host
            and session.application == asked.application
            # Whoever carries it elsewhere has to prove anew where they are.
            and hmac.compare_digest(session.address.encode(), asked.address.encode())
        )
        if asked.person is not None:
            is_its_own &= asked.person.casefold() == session.person.casefold()
        return session if is_its_own else None

    async def _let_in(
        self, session: Session, answer: Answer, dialect: Dialect, kept: str
    ) -> Response:
        headers = {
            nginx.DECISION: answer.decision_id,
            forwarded.SUBJECT: _in_a_header(session.person),
            "Cache-Control": kept,
        }
        if session.device is not None:
            headers[DEVICE] = session.device
        response = Response(status_code=204 if dialect is Dialect.NGINX else 200, headers=headers)
        if self._sessions.should_renew(session):
            await self._give(response, session)
        return response

    async def _denied(self, request: Request, answer: Answer, dialect: Dialect) -> Response:
        if dialect is Dialect.NGINX:
            page = blocked_page.PATH + answer.decision_id
            return _kept_out({nginx.DECISION: answer.decision_id, PAGE: page})
        response = await self._blocked.show(request, answer.decision_id)
        # The page looks at the laptop once more; what this request was denied stays denied.
        response.status_code = 403
        response.headers[nginx.DECISION] = answer.decision_id
        return response

    async def _begin_anew(
        self, request: Request, asked: Forwarded, client: GateClient, dialect: Dialect
    ) -> Response:
        if not asked.is_navigation:
            if dialect is Dialect.NGINX:
                return _kept_out({PAGE: blocked_page.AGAIN})
            return self._blocked.again(request, asked.application)
        nonce = secrets.token_urlsafe(16)
        claims = Beginning(
            client.client,
            asked.application,
            asked.person,
            asked.host,
            asked.scheme,
            asked.path,
            digest(nonce.encode("ascii")),
            to_microseconds(self._clock()),
        )
        token = await self._signing.seal(USE, msgspec.json.encode(claims))
        location = f"{self._public_url}{START}?r={token}"
        if dialect is Dialect.NGINX:
            response = _kept_out({LOCATION: location})
        else:
            response = RedirectResponse(location, 303, headers={"Cache-Control": "no-store"})
        self._set(response, self._begin, nonce, int(BEGIN_LIFETIME.total_seconds()))
        return response

    async def _return(
        self, request: Request, client: GateClient, asked: Forwarded, ticket: str
    ) -> Response:
        nonce = request.cookies.get(self._begin, "")
        found = None
        if ticket and len(ticket) <= 64 and len(nonce) <= 64:
            found = await self._sessions.redeem(
                ticket,
                client=client.client,
                host=asked.host,
                address=asked.address,
                begin=digest(nonce.encode("utf-8", "replace")),
            )
        if found is None or self._sessions.is_closed(found.session):
            return self._blocked.again(request, asked.application)
        # With its host, so that a path which begins with two slashes leads nowhere else.
        response = RedirectResponse(
            asked.origin + found.path, 303, headers={"Cache-Control": "no-store"}
        )
        await self._give(response, found.session)
        response.delete_cookie(
            self._begin, path="/", secure=self._secure, httponly=True, samesite="lax"
        )
        return response

    async def _give(self, response: Response, session: Session) -> None:
        value, lasts_s = await self._sessions.cookie(session)
        self._set(response, self._cookie, value, lasts_s)

    def _set(self, response: Response, name: str, value: str, lasts_s: int) -> None:
        response.set_cookie(
            name,
            value,
            max_age=lasts_s,
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )


def _kept_out(headers: dict[str, str]) -> Response:
    # 401 is nginx's own trouble with its token: docs/sso/forward-auth.md.
    return Response(status_code=403, headers={"Cache-Control": "no-store", **headers})


def _query_of(path: str, name: str) -> str:
    values = parse_qs(path.partition("?")[2], max_num_fields=16).get(name, [""])
    return str(values[0])


def _in_a_header(text: str) -> str:
    """Return a person's address as the bytes of its UTF-8, which is how it came."""
    return text.encode("utf-8").decode("latin-1")
