"""A door of the tests' own that wants a proven device, and browsers that come to it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.attestation import (
    ATTESTATION_TYPE,
    VERSION,
    Attestation,
    Summons,
    read_summons,
)
from passmuster_collectors.contract.canonical import canonical_bytes, from_base64url
from passmuster_server.proof.service import Proofs
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support.clocked_server import ClockedServer
from tests.support.example_laptops import healthy
from tests.support.signing_device import SigningDevice

WANT, WHO = "/test/want", "/test/who"


def add_door(server: ClockedServer) -> None:
    """Let the server send browsers from `WANT` (`?person=`) to a proof, and tell at `WHO`."""
    proofs = Proofs(server.services)

    async def want(request: Request) -> Response:
        return await proofs.begin(
            request,
            DEFAULT_ORGANISATION,
            person=request.query_params.get("person"),
            application="helpdesk",
            back=WHO,
        )

    async def who(request: Request) -> Response:
        found = await proofs.find(request, DEFAULT_ORGANISATION)
        if found is None:
            return JSONResponse({"device": None})
        return JSONResponse({"device": found.device, "owner": found.owner, "proof": found.proof})

    app = server._app
    assert app is not None
    app.router.routes[:0] = [Route(WANT, want), Route(WHO, who)]


@dataclass
class Visitor:
    """A browser, as far as HTTP goes."""

    client: httpx.Client
    visit: str = ""

    def want(self, **parameters: str) -> str:
        """Come to the door; return the summons of the page that it leads to."""
        response = self.client.get(WANT, params=parameters)
        assert response.status_code == 303, response.text
        self.visit = response.headers["location"]
        page = self.client.get(self.visit)
        assert page.status_code == 200, page.text
        return summons_on(page.text)

    def bring(self, token: str) -> httpx.Response:
        """Come back from the laptop."""
        return self.client.get("/proof/return", params={"a": token})

    def who(self) -> dict[str, Any]:
        """Return what the door finds out."""
        found: dict[str, Any] = self.client.get(WHO).json()
        return found


def summons_on(page: str) -> str:
    """Return what the page of a proof lets the browser take to the laptop."""
    urls = page.partition('data-urls="')[2].partition('"')[0].split()
    return parse_qs(urlsplit(urls[0]).query)["c"][0]


def read(device: SigningDevice, summons: str) -> Summons:
    """Read a summons as the device does."""
    assert device.enrolled is not None
    return read_summons(summons, from_base64url(device.enrolled.hash_key, "hash_key"))


def attestation(
    device: SigningDevice, client: httpx.Client, summons: str, *, report: bool = True, **other: Any
) -> str:
    """Return what the device answers, after a healthy report; `other` makes it wrong."""
    if report:
        device.report(client, healthy())
    assert device.enrolled is not None
    asked = read(device, summons)
    said = {
        "version": VERSION,
        "audience": device.enrolled.server,
        "origin": device.server,
        "challenge": asked.challenge,
        "session": asked.session,
        "sequence": device.sequence,
        "signed_at": datetime.now(UTC),
        **other,
    }
    body = canonical_bytes(codec.encode(Attestation(**said)))
    return device.signed(body, kind=ATTESTATION_TYPE)
