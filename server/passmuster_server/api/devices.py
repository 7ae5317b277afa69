"""The fleet and one device of it, for programs."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from msgspec import UNSET, structs
from sqlalchemy import Connection, Row

from passmuster_collectors.contract.errors import ContractError
from passmuster_server.api import messages
from passmuster_server.api.endpoint import PREFIX, Call, Operation, not_found
from passmuster_server.api.messages import (
    Device,
    DeviceList,
    DevicePath,
    DevicesQuery,
    DeviceSummary,
    Nothing,
)
from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event, record_once
from passmuster_server.database import StoreUnavailableError
from passmuster_server.devices.groups import groups_of
from passmuster_server.fleet import actions, cursors
from passmuster_server.fleet.device_view import reading_of, title_of
from passmuster_server.fleet.index import FleetQuery, Group, Page, group_of
from passmuster_server.fleet.store import (
    About,
    StoredDevice,
    about_each,
    device_of,
    of_fingerprint,
)
from passmuster_server.fleet.view import state_of
from passmuster_server.gate.callers import FLEET_MANAGE, FLEET_READ
from passmuster_server.policy.standing import Reason, SignalStanding, Standing
from passmuster_server.services import Services

PATH = f"{PREFIX}/devices"
SEEN_AGAIN_AFTER = timedelta(hours=1)
"""A program that asks every minute looked once an hour, on record."""


class Devices:
    """Reads devices. What is of a group that the caller may not see is not there."""

    def __init__(self, services: Services) -> None:
        self._database = services.database
        self._standings = services.standings
        self._index = services.fleet
        self._public_url = services.config.public_url

    async def many(self, call: Call[Nothing, DevicesQuery, Nothing]) -> DeviceList:
        """Return one page. Raises `ContractError` for a cursor that was never given out."""
        organisation, given = call.organisation, call.query
        search = (given.search or "").strip()
        after = None
        if given.after:
            after = cursors.read(given.after)
            if after is None:
                raise ContractError("after", "expected a place as next has it")
        known: frozenset[str] = frozenset()
        if search:
            known = await self._database.read(
                lambda connection: of_fingerprint(connection, organisation, search)
            )
        query = FleetQuery(
            organisation,
            None if given.verdict is UNSET else given.verdict,
            search,
            known,
            after,
            given.group or None,
            call.client.groups,
            given.limit,
        )
        page = await self._index.page(query)
        names = [laptop.device for laptop in page.laptops]
        about, groups = await self._database.read(
            lambda connection: (
                about_each(connection, organisation, names),
                _group_names(connection, organisation),
            )
        )
        return DeviceList(
            [
                _summary(each, about.get(each.device, About()), page.at, groups)
                for each in page.laptops
            ],
            dict(page.counts),
            self._next(given, page),
        )

    async def one(self, call: Call[DevicePath, Nothing, Nothing]) -> Device:
        """Return one device; that it was looked at goes on record. Raises `RefusalError` 404."""
        organisation, name = call.organisation, call.path.device
        stored, groups = await self._database.read(
            lambda connection: (
                device_of(connection, organisation, name),
                _group_names(connection, organisation),
            )
        )
        standing = self._standings.of_device(organisation, name)
        if stored is None or standing is None or not call.sees(stored.device.group_id):
            raise not_found("device")
        row = stored.device
        event = Event(Action.DEVICE_VIEWED, call.actor, subject=name, person=row.owner)
        # It can be told while nothing can be stored.
        with suppress(StoreUnavailableError):
            await self._database.write(
                lambda transaction: record_once(
                    transaction.connection, organisation, event, call.now, SEEN_AGAIN_AFTER
                )
            )
        about = About(row.system, row.ownership, row.agent_version)
        return Device(
            **structs.asdict(_summary(standing, about, call.now, groups)),
            key_tier=row.tier,
            fingerprint=row.fingerprint,
            enrolled_at=row.enrolled_at,
            signals=_signals(standing, stored),
            waivers=[
                waiver_of(waiver)
                for waiver, _ in actions.waivers_in_force(stored.waivers, call.now)
            ],
            fresh_report=_fresh_report(stored.contact),
        )

    def _next(self, given: DevicesQuery, page: Page) -> str | None:
        if page.following is None:
            return None
        values = {name: value for name, value in structs.asdict(given).items() if value}
        values["after"] = cursors.written(page.following)
        return f"{self._public_url}{PATH}?{urlencode(values)}"


def operations(services: Services) -> Sequence[Operation[Any, Any, Any]]:
    """Return what this part of the API can do."""
    devices = Devices(services)
    return (
        Operation(
            "listDevices",
            PATH,
            "One page of the fleet, the worst first, and how many there are of each verdict",
            (FLEET_READ, FLEET_MANAGE),
            Nothing,
            DevicesQuery,
            Nothing,
            DeviceList,
            devices.many,
        ),
        Operation(
            "getDevice",
            f"{PATH}/{{device}}",
            "One device: how it stands and why, how to mend it, what was read, what is waived",
            (FLEET_READ, FLEET_MANAGE),
            DevicePath,
            Nothing,
            Nothing,
            Device,
            devices.one,
        ),
    )


def waiver_of(row: Row[Any]) -> messages.Waiver:
    """Return a stored waiver as the API tells it."""
    return messages.Waiver(
        row.waiver_id, row.signal, row.reason, row.granted_by, row.granted_at, row.expires_at
    )


def _group_names(connection: Connection, organisation: str) -> Mapping[str, str]:
    return {group.group_id: group.name for group in groups_of(connection, organisation)}


def _summary(
    standing: Standing, about: About, now: datetime, groups: Mapping[str, str]
) -> DeviceSummary:
    state = state_of(standing, now)
    verdict = group_of(standing, now)
    return DeviceSummary(
        id=standing.device,
        owner=standing.owner,
        computer_name=standing.computer_name,
        platform=standing.platform,
        system=about.system,
        agent_version=about.agent_version,
        ownership=about.ownership,
        group=standing.group,
        group_name=groups.get(standing.group, standing.group),
        status=standing.status,
        verdict=verdict,
        finding=state.finding,
        since=state.since,
        last_seen=standing.last_seen,
        grace_until=standing.grace_until if verdict is Group.GRACE else None,
        policy_version=standing.policy_version,
    )


def _signals(standing: Standing, stored: StoredDevice) -> list[messages.Signal]:
    """Return what was judged, and what was read beside it."""
    judged = {each.signal: each for each in standing.signals}
    read = {row.signal: row for row in stored.readings}
    return [
        _signal(name, judged.get(name), read.get(name)) for name in dict.fromkeys((*judged, *read))
    ]


def _signal(name: str, judged: SignalStanding | None, row: Row[Any] | None) -> messages.Signal:
    return messages.Signal(
        id=name,
        title=title_of(name),
        outcome=judged.outcome if judged else None,
        blocking=judged.blocking if judged else False,
        failing_since=judged.failing_since if judged else None,
        waived_until=judged.waived_until if judged else None,
        allowed_until=judged.allowed_until if judged else None,
        reasons=[_reason(each) for each in judged.reasons] if judged else [],
        reading=_reading(row) if row is not None else None,
    )


def _fresh_report(contact: Row[Any] | None) -> messages.FreshReport | None:
    if contact is None or contact.fresh_asked_at is None:
        return None
    return messages.FreshReport(
        contact.fresh_asked_at, contact.fresh_told_at, contact.fresh_done_at
    )


def _reason(reason: Reason) -> messages.Reason:
    remedy = None
    if reason.remedy is not None:
        remedy = messages.Remedy(list(reason.remedy.steps), reason.remedy.link)
    return messages.Reason(reason.outcome, reason.worker, reason.admin, remedy)


def _reading(row: Row[Any]) -> messages.Reading | None:
    reading = reading_of(row.reading)
    if reading is None:
        return None
    return messages.Reading(
        reading.status,
        reading.reason,
        dict(reading.facts) if reading.facts is not None else None,
        [messages.Source(each.name, each.outcome, each.detail) for each in reading.sources],
        row.collected_at,
        row.changed_at,
    )
