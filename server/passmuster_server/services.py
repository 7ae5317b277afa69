"""What the areas share: handed to each area's `routes` by `app`, which alone knows every area."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection
from starlette.types import ASGIApp

from passmuster_collectors.contract.reading import Reading
from passmuster_server.background import BackgroundTask
from passmuster_server.clock import Clock
from passmuster_server.config import Config
from passmuster_server.console.trends import TrendsOfFleets
from passmuster_server.database import Database, Transaction
from passmuster_server.doors import DoorAtOnce
from passmuster_server.evidence.gathering import Gathering
from passmuster_server.fleet.index import FleetIndex
from passmuster_server.metrics import Metrics
from passmuster_server.openid.relying_party import RelyingParty
from passmuster_server.policy.service import Policies
from passmuster_server.policy.standings import Standings
from passmuster_server.signing.service import SigningKeys
from passmuster_server.spans import NoSpans, Spans

ReadingsListener = Callable[
    [Transaction, str, str, Mapping[str, bytes], Mapping[str, Reading]], None
]
"""Called with organisation and device, what was stored of it and what a record of it says now, in
the transaction that stores it: for each record that says something else than the one before."""

Load = Callable[[Connection, Sequence[tuple[str, str]] | None], None]
"""Reads what is stored of devices, as (organisation, device); None: of every device."""


@dataclass
class Services:
    """One server process.

    `in_touch` says whether it hears of what other servers on its database change, `draining` that
    it was told to end and goes on for a moment. `doors` are asked before all routes, by their path,
    and `doors_at_once` before those. `spans` are for whoever wants its work in traces. `simulating`
    is held while the whole fleet is judged for a question: that takes seconds, and many at once
    would keep others from the database. `trends` and `evidence` let one count at a time likewise,
    whether a page or a program asks.
    """

    config: Config
    database: Database
    clock: Clock
    standings: Standings
    policies: Policies
    in_touch: Callable[[], bool]
    signing: SigningKeys
    fleet: FleetIndex
    trends: TrendsOfFleets
    evidence: Gathering
    spans: Spans = field(default_factory=NoSpans)
    openid: RelyingParty | None = None
    metrics: Metrics = field(default_factory=Metrics)
    tasks: list[BackgroundTask] = field(default_factory=list)
    closings: list[Callable[[], None]] = field(default_factory=list)
    doors: dict[str, ASGIApp] = field(default_factory=dict)
    doors_at_once: dict[bytes, DoorAtOnce] = field(default_factory=dict)
    loadings: list[Load] = field(default_factory=list)
    readings_listeners: list[ReadingsListener] = field(default_factory=list)
    draining: bool = False
    simulating: asyncio.Lock = field(default_factory=asyncio.Lock)

    def run_beside(self, task: BackgroundTask) -> None:
        """Start `task` before the first request, stop it after the last: the last one first.

        A server whose task keeps failing says that it is not ready.
        """
        self.tasks.append(task)

    def on_loading(self, load: Load) -> None:
        """Call `load` with what is stored before the first request: it is a part of the start.

        Call it again, before their standings count, with the devices that other servers have
        changed more than once since this one heard of them.
        """
        self.loadings.append(load)

    def on_readings(self, listener: ReadingsListener) -> None:
        """Call `listener` where a laptop reports something else than before."""
        self.readings_listeners.append(listener)

    def on_closing(self, close: Callable[[], None]) -> None:
        """Call `close` on the event loop when the server begins to stop.

        Requests are then waited for: one that would never end by itself has to be ended here.
        """
        self.closings.append(close)
