"""The past, for programs: who had which verdict and for how long, and why a device stands so."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType, structs
from sqlalchemy import Connection

from passmuster_collectors.contract import codec, strict_json
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.api import devices
from passmuster_server.api.endpoint import PREFIX, Call, Operation, not_found
from passmuster_server.api.history_messages import (
    DeviceHistory,
    Explanation,
    GroupHistory,
    History,
    HistoryQuery,
    PastOfGroup,
    PastVerdict,
    PeriodQuery,
    SignalChange,
    VerdictChange,
)
from passmuster_server.api.messages import DeviceId, DevicePath, Nothing
from passmuster_server.api.pages import following, place_of, wrong_place
from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event, record_once
from passmuster_server.database import StoreUnavailableError
from passmuster_server.devices.groups import groups_of
from passmuster_server.fleet import history_totals
from passmuster_server.fleet.device_view import MAX_STORED, reading_of
from passmuster_server.fleet.history import Period
from passmuster_server.fleet.history_totals import Place, Total
from passmuster_server.fleet.store import StoredDevice, device_of
from passmuster_server.gate.callers import FLEET_MANAGE, FLEET_READ
from passmuster_server.policy.explanation import explain
from passmuster_server.services import Services
from passmuster_server.web.problems import RefusalError

PATH = f"{PREFIX}/history"
LAST = timedelta(days=30)
MAX_DIGITS = 18


class Past:
    """Reads what was. What is of a group that the caller may not see is not there."""

    def __init__(self, services: Services) -> None:
        self._database = services.database
        self._standings = services.standings
        self._public_url = services.config.public_url

    async def fleet(self, call: Call[Nothing, HistoryQuery, Nothing]) -> History:
        """Return one page of who had the verdict within a period. Raises `ContractError`."""
        given, period = call.query, _period(call)
        since, until = period.since, period.until
        after = _place(given)
        found = await self._database.read(
            lambda connection: history_totals.totals(
                connection, period, call.now, after=after, most=given.limit + 1
            )
        )
        page, more = found[: given.limit], None
        if len(found) > given.limit:
            # The next page is about the same period, wherever this one ended by default.
            query = structs.replace(
                given, since=codec.format_time(since), until=codec.format_time(until)
            )
            more = following(query, _written(page[-1]), self._public_url + PATH)
        return History(since, until, given.verdict, [past_verdict(each) for each in page], more)

    async def groups(self, call: Call[Nothing, PeriodQuery, Nothing]) -> GroupHistory:
        """Return how long each group's devices had the verdict. Raises `ContractError`."""
        period = _period(call)
        found, names = await self._database.read(
            lambda connection: (
                history_totals.groups(connection, period, call.now),
                {each.group_id: each.name for each in groups_of(connection, call.organisation)},
            )
        )
        told = [
            PastOfGroup(each.group, names.get(each.group, each.group), each.devices, each.seconds)
            for each in found
        ]
        return GroupHistory(period.since, period.until, period.verdict, told)

    async def device(self, call: Call[DevicePath, Nothing, Nothing]) -> DeviceHistory:
        """Return how a device's verdict and readings changed. Raises `RefusalError` 404."""
        stored = await self._database.read(
            lambda connection: device_of(connection, call.organisation, call.path.device)
        )
        if stored is None or not call.sees(stored.device.group_id):
            raise not_found("device")
        await self._note(call, stored.device.owner)
        return _history(stored)

    async def explanation(self, call: Call[DevicePath, Nothing, Nothing]) -> Explanation:
        """Return what a device's verdict rests on. Raises `RefusalError` 404."""

        def read(connection: Connection) -> Any:
            if not self._sees(call, call.path.device):
                return None
            return explain(connection, call.organisation, call.path.device, call.now)

        try:
            found = await self._database.read(read)
        except ContractError:
            raise RefusalError(
                503, "other_version", "Its policy is of another version of this server."
            ) from None
        if found is None:
            raise not_found("device")
        told = msgspec.convert(found, Explanation)
        await self._note(call, told.owner)
        return told

    async def _note(self, call: Call[DevicePath, Nothing, Nothing], owner: str) -> None:
        """Put on record that a device was looked at."""
        event = Event(Action.DEVICE_VIEWED, call.actor, subject=call.path.device, person=owner)
        # It can be told while nothing can be stored.
        with suppress(StoreUnavailableError):
            await self._database.write(
                lambda transaction: record_once(
                    transaction.connection,
                    call.organisation,
                    event,
                    call.now,
                    devices.SEEN_AGAIN_AFTER,
                )
            )

    def _sees(self, call: Call[Any, Any, Any], device: str) -> bool:
        standing = self._standings.of_device(call.organisation, device)
        return standing is not None and call.sees(standing.group)


def operations(services: Services) -> Sequence[Operation[Any, Any, Any]]:
    """Return what this part of the API can do."""
    past = Past(services)
    reads = (FLEET_READ, FLEET_MANAGE)
    return (
        Operation(
            "getHistory",
            PATH,
            "Which devices had a verdict within a period, how often and for how long",
            reads,
            Nothing,
            HistoryQuery,
            Nothing,
            History,
            past.fleet,
        ),
        Operation(
            "getHistoryOfGroups",
            f"{PATH}/groups",
            "How many devices of each group had a verdict within a period, and for how long",
            reads,
            Nothing,
            PeriodQuery,
            Nothing,
            GroupHistory,
            past.groups,
        ),
        Operation(
            "getDeviceHistory",
            f"{devices.PATH}/{{device}}/history",
            "How this device's verdict and what was read of it changed",
            reads,
            DevicePath,
            Nothing,
            Nothing,
            DeviceHistory,
            past.device,
        ),
        Operation(
            "explainDevice",
            f"{devices.PATH}/{{device}}/explanation",
            "What this device's verdict rests on: rules, where they stand, and readings",
            reads,
            DevicePath,
            Nothing,
            Nothing,
            Explanation,
            past.explanation,
        ),
    )


def moment(name: str, given: str | UnsetType, default: datetime) -> datetime:
    """Return the time of a parameter. Raises `ContractError`."""
    if given is UNSET:
        return default
    try:
        return datetime.fromisoformat(given).astimezone(UTC)
    except ValueError:
        raise ContractError(name, "there is no such time") from None
    except OverflowError:
        raise ContractError(name, "beyond the times there are in UTC") from None


def _period(call: Call[Nothing, Any, Nothing]) -> Period:
    """Return what is asked about, of the groups that are there for the caller."""
    given = call.query
    until = moment("until", given.until, call.now)
    try:
        since = moment("since", given.since, until - LAST)
    except OverflowError:
        raise ContractError("until", "too early") from None
    if since >= until:
        raise ContractError("since", "expected a time before until")
    owner = "" if given.owner is UNSET else given.owner.strip()
    groups = call.client.groups
    if given.group is not UNSET:
        groups = frozenset({given.group}) if call.sees(given.group) else frozenset()
    return Period(call.organisation, since, until, given.verdict, owner, groups)


def _written(total: Total) -> str:
    return f"{round(total.seconds * 1_000_000)} {total.device}"


def _place(query: HistoryQuery) -> Place | None:
    place = place_of(query.after)
    if not place:
        return None
    length, _, device = place.partition(" ")
    # As wide as what the database counts in.
    if not (length.isascii() and length.isdigit() and len(length) <= MAX_DIGITS):
        raise wrong_place()
    try:
        return Place(int(length), msgspec.convert(device, DeviceId))
    except msgspec.ValidationError:
        raise wrong_place() from None


def past_verdict(total: Total) -> PastVerdict:
    """Return a total as the API tells it."""
    return PastVerdict(
        total.device,
        total.owner,
        total.computer_name,
        total.episodes,
        round(total.seconds, 3),
        total.first,
        total.lasts,
    )


def _history(stored: StoredDevice) -> DeviceHistory:
    changes = []
    for row in stored.transitions:
        reading = reading_of(row.reading)
        told = codec.encode(reading) if reading is not None else None
        changes.append(SignalChange(row.received_at, row.signal, told))
    return DeviceHistory(
        [
            VerdictChange(
                row.since,
                Verdict(row.verdict),
                row.policy_version,
                [str(each) for each in strict_json.parse(row.reasons, max_bytes=MAX_STORED)],
            )
            for row in stored.history
        ],
        changes,
    )
