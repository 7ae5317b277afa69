"""What this server hears of changes that it did not make: by commands, or by other servers."""

from collections.abc import Sequence

from sqlalchemy import Connection

from passmuster_server.changes import ChangeWatch
from passmuster_server.database import Database
from passmuster_server.devices.lineage import place_of
from passmuster_server.listening import ChangeListener
from passmuster_server.policy.rejudging import Rejudging
from passmuster_server.policy.service import Policies
from passmuster_server.policy.standing import Standing
from passmuster_server.policy.standings import Standings
from passmuster_server.services import Load


def changes_elsewhere(
    database: Database,
    policies: Policies,
    standings: Standings,
    rejudging: Rejudging,
    loadings: Sequence[Load],
) -> ChangeWatch | ChangeListener:
    """Return what hears of changes that this server did not make."""
    if not database.shared:
        return ChangeWatch(database, policies.refresh, rejudging.policy_published)

    place = ""

    def is_behind(standing: Standing) -> bool:
        known = standings.of_device(standing.organisation, standing.device)
        return known is not None and standing.revision > known.revision + 1

    async def reread(devices: Sequence[tuple[str, str]] | None) -> None:
        nonlocal place

        def read(connection: Connection) -> tuple[str, list[Standing]]:
            here = place_of(connection) if devices is None else ""
            found = (
                policies.load(connection)
                if devices is None
                else policies.standings_of(connection, devices)
            )
            # Of several changes the last one alone is heard, which may hide those before it.
            unheard = [(each.organisation, each.device) for each in found if is_behind(each)]
            for load in loadings if unheard else ():
                load(connection, None if devices is None else unheard)
            return here, found

        known = standings.devices() if devices is None else tuple(devices)
        here, found = await database.read(read)
        # A standby that took over may lack the last commits: what is in memory is then too new.
        went_back = bool(here and place and here != place)
        place = here or place
        for standing in found:
            if went_back:
                standings.replace(standing)
            else:
                standings.put(standing)
        # Erased while nobody was heard. Known before the read: what was enrolled since stays.
        for device in set(known) - {(each.organisation, each.device) for each in found}:
            standings.remove(*device)

    return ChangeListener(
        database.url,
        reread,
        policies.refresh,
        rejudging.policy_published,
        lambda: database.name,
    )
