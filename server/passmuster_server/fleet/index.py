"""The fleet in the order of its page, in memory: one page, the counts and a search never sort.

It follows the standings, which every server keeps in memory for its gate. Time moves a laptop as
well: the moments when that happens are kept in a heap, and what is due is moved before each look.
"""

import asyncio
import bisect
import heapq
import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sortedcontainers import SortedList

from passmuster_server.clock import Clock
from passmuster_server.policy.standing import CLOCK_STEP_S, DeviceStatus, Standing
from passmuster_server.policy.standings import Standings

PAGE_SIZE = 50
AT_ONCE = 20_000
"""Laptops that a search looks at before others get their turn: some milliseconds."""

_INSTANT = timedelta(microseconds=1)
_CLOCK_STEP = timedelta(seconds=CLOCK_STEP_S)

_Key = tuple[str, str, str, str]
"""Owner without case and id of the device, by which it is sorted; the computer's name without case
and the group it is in, by which it is found."""


class Group(StrEnum):
    """What the fleet page sorts and filters by, worst first."""

    NON_COMPLIANT = "non_compliant"
    PENDING = "pending"
    UNKNOWN = "unknown"
    GRACE = "grace"
    COMPLIANT = "compliant"
    OUT_OF_SERVICE = "out_of_service"


ORDER = tuple(Group)


@dataclass(frozen=True)
class Cursor:
    """The last device of the page before: its group, owner and id."""

    group: Group
    owner: str
    device: str


@dataclass(frozen=True)
class FleetQuery:
    """Which devices are asked for.

    `known` are those that the search means, whatever their names. `of_group` is the group of the
    organisation that they are in (its id), None: any; `confined_to` are the groups beyond which
    nothing is found or counted, None: no bounds.
    """

    organisation: str
    group: Group | None = None
    search: str = ""
    known: Collection[str] = ()
    after: Cursor | None = None
    of_group: str | None = None
    confined_to: Collection[str] | None = None
    limit: int = PAGE_SIZE


@dataclass(frozen=True)
class Page:
    """Up to `limit` laptops in order at a moment, and how many there are in each group."""

    at: datetime
    laptops: Sequence[Standing]
    counts: Mapping[Group, int]
    following: Cursor | None


def group_of(standing: Standing, moment: datetime) -> Group:
    """Return where the device is listed at `moment`: by what the gate would say of it."""
    if standing.status in (DeviceStatus.REVOKED, DeviceStatus.RETIRED):
        return Group.OUT_OF_SERVICE
    if standing.status is DeviceStatus.PENDING:
        return Group.PENDING
    return Group(standing.verdict_at(moment).value)


@dataclass
class _Ordered:
    """One organisation.

    `places` says where each device is, `due` when it has to be looked at, `at` is the latest moment
    that any of it was placed for.
    """

    at: datetime
    keys: dict[Group, "SortedList[_Key]"] = field(
        default_factory=lambda: {group: SortedList() for group in Group}
    )
    places: dict[str, tuple[Group, _Key]] = field(default_factory=dict)
    due: dict[str, datetime] = field(default_factory=dict)
    heap: list[tuple[datetime, str]] = field(default_factory=list)


class FleetIndex:
    """Every organisation's devices by group, owner and id."""

    def __init__(self, standings: Standings, clock: Clock) -> None:
        self._standings = standings
        self._clock = clock
        self._ordered: dict[str, _Ordered] = {}
        standings.listen(self._changed, self._removed)

    async def page(self, query: FleetQuery) -> Page:
        """Return one page and the counts; a search lets others have their turn meanwhile."""
        ordered, now = self._of(query.organisation), self._clock()
        self._advance(ordered, query.organisation, now)
        found: Mapping[Group, SortedList[_Key] | list[_Key]] = ordered.keys
        if query.search or query.of_group is not None or query.confined_to is not None:
            # A copy: laptops may move while others have their turn.
            found = {group: list(keys) for group, keys in ordered.keys.items()}
            found = {group: await _matching(keys, query) for group, keys in found.items()}
        counts = {group: len(keys) for group, keys in found.items()}
        wanted = list(itertools.islice(_from(found, query), query.limit + 1))
        of_device = self._standings.of_device
        laptops = [
            (group, standing)
            for group, (_, device, *_) in wanted[: query.limit]
            if (standing := of_device(query.organisation, device)) is not None
        ]
        following = None
        if len(wanted) > query.limit and laptops:
            group, last = laptops[-1]
            following = Cursor(group, last.owner, last.device)
        return Page(now, [standing for _, standing in laptops], counts, following)

    def totals(self) -> Mapping[str, int]:
        """Return how many devices there are in each group, of all organisations."""
        now = self._clock()
        totals = dict.fromkeys((group.value for group in Group), 0)
        for organisation, ordered in self._ordered.items():
            self._advance(ordered, organisation, now)
            for group, keys in ordered.keys.items():
                totals[group.value] += len(keys)
        return totals

    def _of(self, organisation: str) -> _Ordered:
        ordered = self._ordered.get(organisation)
        if ordered is None:
            ordered = self._ordered[organisation] = _Ordered(self._clock())
        return ordered

    def _changed(self, _: Standing | None, standing: Standing) -> None:
        ordered, now = self._of(standing.organisation), self._clock()
        self._place(ordered, standing, now)
        ordered.at = max(ordered.at, now)

    def _removed(self, standing: Standing) -> None:
        ordered = self._of(standing.organisation)
        ordered.due.pop(standing.device, None)
        place = ordered.places.pop(standing.device, None)
        if place is not None:
            ordered.keys[place[0]].remove(place[1])

    def _place(self, ordered: _Ordered, standing: Standing, now: datetime) -> None:
        device = standing.device
        group = group_of(standing, now)
        before = ordered.places.get(device)
        computer_name = standing.computer_name.casefold()
        key = (standing.owner.casefold(), device, computer_name, standing.group)
        if before is None or before[0] is not group or before[1] != key:
            if before is not None:
                ordered.keys[before[0]].remove(before[1])
            ordered.keys[group].add(key)
            ordered.places[device] = group, key
        moment = _next_change(standing, now)
        known = ordered.due.get(device)
        # A look that comes too early does no harm: it finds the later moment. So a report, which
        # puts the moment off, costs the heap nothing.
        if moment is not None and (known is None or moment < known):
            ordered.due[device] = moment
            heapq.heappush(ordered.heap, (moment, device))

    def _advance(self, ordered: _Ordered, organisation: str, now: datetime) -> None:
        """Move what time has moved until `now`; all of it, where the clock was set back."""
        if now < ordered.at:
            ordered.due.clear()
            ordered.heap.clear()
            looked_at = list(ordered.places)
        else:
            looked_at = _taken_until(ordered, now)
        ordered.at = now
        for device in looked_at:
            standing = self._standings.of_device(organisation, device)
            if standing is not None:
                self._place(ordered, standing, now)


def _taken_until(ordered: _Ordered, now: datetime) -> list[str]:
    taken = []
    while ordered.heap and ordered.heap[0][0] <= now:
        moment, device = heapq.heappop(ordered.heap)
        if ordered.due.get(device) == moment:
            del ordered.due[device]
            taken.append(device)
    return taken


def _next_change(standing: Standing, now: datetime) -> datetime | None:
    """Return the first moment after `now` at which `Standing.verdict_at` may say otherwise."""
    if standing.status is not DeviceStatus.ACTIVE or standing.last_seen is None:
        return None
    moments = (
        standing.last_seen + timedelta(seconds=standing.max_age_s) + _INSTANT,
        standing.last_seen - _CLOCK_STEP,
        standing.grace_until,
        standing.waived_until,
    )
    return min((each for each in moments if each is not None and each > now), default=None)


async def _matching(keys: Sequence[_Key], query: FleetQuery) -> list[_Key]:
    text, known, of_group = query.search.casefold(), query.known, query.of_group
    confined_to = query.confined_to
    found: list[_Key] = []
    for begin in range(0, len(keys), AT_ONCE):
        found += [
            key
            for key in keys[begin : begin + AT_ONCE]
            if (of_group is None or key[3] == of_group)
            and (confined_to is None or key[3] in confined_to)
            and (text in key[0] or text in key[2] or key[1] in known)
        ]
        await asyncio.sleep(0)
    return found


def _from(
    found: Mapping[Group, "SortedList[_Key] | list[_Key]"], query: FleetQuery
) -> Iterator[tuple[Group, _Key]]:
    """Return the devices in order, beginning after the cursor."""
    after = query.after
    for group in ORDER if query.group is None else (query.group,):
        keys = found[group]
        begin = 0
        if after is not None:
            if ORDER.index(group) < ORDER.index(after.group):
                continue
            if group is after.group:
                # What is sorted right behind every key of that owner and device.
                behind = (after.owner.casefold(), f"{after.device}\0", "", "")
                begin = bisect.bisect_left(keys, behind)
        for place in range(begin, len(keys)):
            yield group, keys[place]
