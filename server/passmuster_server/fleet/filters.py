"""What of the fleet a page shows: the words of its address, and the links to other views."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from passmuster_server.fleet import cursors
from passmuster_server.fleet.index import Cursor, FleetQuery, Group
from passmuster_server.fleet.view import GROUPS, Badge

MAX_SEARCH = 128
MAX_GROUP = 32


@dataclass(frozen=True)
class Filter:
    """A count that is a link to the devices it counts."""

    badge: Badge
    number: int
    link: str
    here: bool


def filters_of(query: FleetQuery, counts: Mapping[Group, int]) -> dict[str, Any]:
    """Return the filters of a page: `everything`, and that of each of the `groups`."""
    everything = Filter(
        GROUPS[Group.COMPLIANT],
        sum(counts.values()),
        link_of(query, None),
        query.group is None,
    )
    groups = [
        Filter(GROUPS[group], number, link_of(query, group), query.group is group)
        for group, number in counts.items()
    ]
    return {"everything": everything, "groups": groups}


def link_of(query: FleetQuery, group: Group | None, after: Cursor | None = None) -> str:
    """Return the address of a page of the fleet."""
    parameters = {}
    if group is not None:
        parameters["verdict"] = group.value
    if query.of_group is not None:
        parameters["group"] = query.of_group
    if query.search:
        parameters["search"] = query.search
    if after is not None:
        parameters["after"] = cursors.written(after)
    return "/fleet" + (f"?{urlencode(parameters)}" if parameters else "")


def group_named(text: str) -> Group | None:
    """Return the group of verdicts that an address names, None for any other word."""
    return Group(text) if text in set(Group) else None
