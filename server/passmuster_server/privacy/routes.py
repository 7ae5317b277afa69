"""`/my-laptops`: what is stored of a person's laptops, to whoever proves to be at one of them."""

import json
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event, record
from passmuster_server.database import Transaction
from passmuster_server.fleet.privacy import ABOUT_THE_LAPTOP
from passmuster_server.gate.decision import Proof
from passmuster_server.privacy import laptops, personal
from passmuster_server.proof.service import Proofs, Proven
from passmuster_server.schema import DEFAULT_ORGANISATION
from passmuster_server.services import Services
from passmuster_server.web.pages import HEADERS
from passmuster_server.web.worker_pages import (
    MY_LAPTOPS,
    READ_ONLY_POLICY,
    WorkerPages,
    language_for,
)

CHECK = f"{MY_LAPTOPS}/check"
STORED = f"{MY_LAPTOPS}/stored.json"
PROOF_WITHIN = timedelta(hours=1)
"""How long a browser that proved its laptop is shown what is stored, by that."""


class MyLaptops:
    """The page, the way to its proof, and the download."""

    def __init__(self, services: Services) -> None:
        self._database = services.database
        self._clock = services.clock
        self._config = services.config
        self._proofs = Proofs(services)
        self._pages = WorkerPages(
            Path(__file__).parent / "templates",
            public_url=services.config.public_url,
            contact=services.config.contact,
        )

    async def page(self, request: Request) -> Response:
        """Show what is stored of the proven laptop's owner, and of nobody else."""
        now = self._clock()
        proven = await self._proven(request)
        if proven is None:
            return self._pages.response(
                request, "not_proven.html", headers=READ_ONLY_POLICY, check=CHECK
            )
        stored = await self._database.read(
            lambda connection: laptops.stored_of(
                connection, DEFAULT_ORGANISATION, proven.owner, now, language_for(request)
            )
        )
        return self._pages.response(
            request,
            "my_laptops.html",
            headers=READ_ONLY_POLICY,
            told=laptops.TOLD,
            stored=stored,
            now=now,
            about_the_laptop=ABOUT_THE_LAPTOP,
            download=STORED,
            history_days=self._config.history_days,
            decision_days=self._config.decision_days,
        )

    async def check(self, request: Request) -> Response:
        """Send the browser to prove its laptop, then back to the page."""
        return await self._proofs.begin(
            request,
            DEFAULT_ORGANISATION,
            person=None,
            application=language_for(request).template("My laptops"),
            back=MY_LAPTOPS,
        )

    async def download(self, request: Request) -> Response:
        """Hand out all that is stored of the person as JSON, and put on record that it was."""
        now = self._clock()
        proven = await self._proven(request)
        if proven is None:
            return RedirectResponse(MY_LAPTOPS, 303, headers=dict(HEADERS))
        event = Event(
            Action.PERSON_EXPORTED, proven.owner, subject=proven.device, person=proven.owner
        )

        def work(transaction: Transaction) -> str:
            connection = transaction.connection
            record(connection, DEFAULT_ORGANISATION, event, now)
            found = personal.export(connection, DEFAULT_ORGANISATION, proven.owner)
            return json.dumps(found, indent=2, ensure_ascii=False)

        return Response(
            await self._database.write(work),
            media_type="application/json",
            headers={
                **HEADERS,
                "Content-Disposition": 'attachment; filename="my-laptops.json"',
            },
        )

    async def _proven(self, request: Request) -> Proven | None:
        """Return what the browser proved of late, of a laptop that shows its owner's."""
        proven = await self._proofs.find(request, DEFAULT_ORGANISATION, within=PROOF_WITHIN)
        if proven is None or proven.proof is Proof.ELSEWHERE:
            return None

        def read(connection: Connection) -> bool:
            return laptops.may_read(connection, DEFAULT_ORGANISATION, proven.device, proven.owner)

        return proven if await self._database.read(read) else None


def routes(services: Services) -> list[Route]:
    """Return the routes of this area."""
    pages = MyLaptops(services)
    return [
        Route(MY_LAPTOPS, pages.page, methods=["GET"]),
        Route(CHECK, pages.check, methods=["GET"]),
        Route(STORED, pages.download, methods=["GET"]),
    ]
