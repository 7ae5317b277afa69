"""What the areas share: handed to each area's `routes` by `app`, which alone knows every area."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from passmuster_server.clock import Clock
from passmuster_server.config import Config
from passmuster_server.database import Database
from passmuster_server.policy.service import Policies
from passmuster_server.policy.standings import Standings


@dataclass
class Services:
    """One server process."""

    config: Config
    database: Database
    clock: Clock
    standings: Standings
    policies: Policies
    starts: list[Callable[[], None]] = field(default_factory=list)
    closings: list[Callable[[], None]] = field(default_factory=list)
    stops: list[Callable[[], Awaitable[None]]] = field(default_factory=list)

    def on_start(self, start: Callable[[], None]) -> None:
        """Call `start` on the event loop before the first request."""
        self.starts.append(start)

    def on_closing(self, close: Callable[[], None]) -> None:
        """Call `close` on the event loop when the server begins to stop.

        Requests are then waited for: one that would never end by itself has to be ended here.
        """
        self.closings.append(close)

    def on_stop(self, stop: Callable[[], Awaitable[None]]) -> None:
        """Await `stop` after the last request, the last registered first."""
        self.stops.append(stop)
