"""Callers of the gate and the API, for programs: none that may do more than who makes it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from msgspec import UNSET, UnsetType
from sqlalchemy import Connection

from passmuster_collectors.contract.errors import ContractError
from passmuster_server.api.callers_messages import (
    Caller,
    CallerList,
    CallerToRevoke,
    NewCaller,
    ShownCaller,
)
from passmuster_server.api.endpoint import PREFIX, Call, Operation, not_found
from passmuster_server.api.messages import Nothing
from passmuster_server.api.pages import PageQuery, page_of
from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event, record
from passmuster_server.database import Transaction
from passmuster_server.devices.groups import groups_of
from passmuster_server.gate import client_store
from passmuster_server.gate.callers import CALLERS_MANAGE, SCOPES, GateClient, Grants
from passmuster_server.gate.client_store import GateClientExistsError, UnknownGateClientError
from passmuster_server.gate.registration import check_grants, check_name, created_event
from passmuster_server.services import Services
from passmuster_server.web.problems import RefusalError

PATH = f"{PREFIX}/callers"
_FIELDS = {"application": "applications", "person": "people", "host": "hosts"}


class Callers:
    """Makes, lists and revokes callers. Each change goes on record."""

    def __init__(self, services: Services) -> None:
        self._database = services.database
        self._public_url = services.config.public_url

    async def many(self, call: Call[Nothing, PageQuery, Nothing]) -> CallerList:
        """Return one page of the callers; webhooks are listed by themselves."""
        found = await self._database.read(lambda connection: _known(connection, call))
        page, following = page_of(
            found, lambda each: each[0].name, call.query, self._public_url + PATH
        )
        return CallerList([_told(*each) for each in page], following)

    async def make(self, call: Call[Nothing, Nothing, NewCaller]) -> ShownCaller:
        """Return a new caller's credentials. Raises `ContractError`, `RefusalError` 403, 409."""
        given, name = call.body, call.body.name.strip()
        check_name(name)
        for scope in given.scopes:
            if scope not in SCOPES:
                raise ContractError("scopes", "there is no such scope")
        _check_held(call, frozenset(given.scopes))
        grants = Grants(
            tuple(given.scopes),
            _values(given.applications),
            _values(given.people),
            _values(given.groups),
            hosts=_values(given.hosts),
        )
        try:
            check_grants(grants)
        except ContractError as error:
            raise ContractError(_FIELDS[error.field], error.problem) from None
        _check_hosts(call, grants.hosts, "hosts")

        def work(transaction: Transaction) -> ShownCaller:
            connection, organisation = transaction.connection, call.organisation
            there = {row.group_id for row in groups_of(connection, organisation)}
            if not there.issuperset(grants.groups):
                raise ContractError("groups", "there is no such group")
            token = client = secret = None
            about = transaction, organisation, name, call.now, grants
            if given.oauth:
                client, secret = client_store.create_oauth_client(*about)
            else:
                token = client_store.create_client(*about)
            event = created_event(name, grants, call.actor)
            record(connection, organisation, event, call.now)
            return ShownCaller(name, token, client, secret)

        try:
            return await self._database.write(work)
        except GateClientExistsError:
            raise RefusalError(
                409, "exists", "There is a caller of that name.", field="name"
            ) from None

    async def revoke(self, call: Call[Nothing, Nothing, CallerToRevoke]) -> None:
        """Take another caller's credentials out of use. Raises `RefusalError` 403, 404, 409."""
        name = call.body.name.strip()

        def work(transaction: Transaction) -> None:
            connection = transaction.connection
            named = [each for each, _ in _known(connection, call) if each.name == name]
            if not named:
                raise not_found("caller")
            _check_held(call, named[0].scopes, "name")
            _check_hosts(call, named[0].hosts, "name")
            if name == call.client.name:
                raise RefusalError(
                    409, "own_credentials", "No caller revokes itself: let another one do it."
                )
            client_store.revoke_client(transaction, call.organisation, name, call.now)
            event = Event(Action.GATE_CLIENT_REVOKED, call.actor, subject=name)
            record(connection, call.organisation, event, call.now)

        try:
            await self._database.write(work)
        except UnknownGateClientError:
            # Another server, or a command, has just revoked it.
            raise not_found("caller") from None


def operations(services: Services) -> Sequence[Operation[Any, Any, Any]]:
    """Return what this part of the API can do."""
    callers = Callers(services)
    scopes = (CALLERS_MANAGE,)
    return (
        Operation(
            "listCallers",
            PATH,
            "The programs that may ask, what each may do, and to what it is confined",
            scopes,
            Nothing,
            PageQuery,
            Nothing,
            CallerList,
            callers.many,
            of_everyone=True,
        ),
        Operation(
            "makeCaller",
            PATH,
            "Let a program ask, for no more than the caller may itself; credentials told this once",
            scopes,
            Nothing,
            Nothing,
            NewCaller,
            ShownCaller,
            callers.make,
            method="POST",
            of_everyone=True,
        ),
        Operation(
            "revokeCaller",
            f"{PATH}/revocations",
            "Take a caller's credentials out of use, if it may do no more than who asks for it",
            scopes,
            Nothing,
            Nothing,
            CallerToRevoke,
            None,
            callers.revoke,
            method="POST",
            of_everyone=True,
        ),
    )


def _known(connection: Connection, call: Call[Any, Any, Any]) -> list[tuple[GateClient, datetime]]:
    found = client_store.active_clients(connection, call.organisation)
    # What webhooks have is no scope: they may ask nothing.
    return [each for each in found if each[0].scopes.intersection(SCOPES)]


def _check_held(call: Call[Any, Any, Any], scopes: frozenset[str], field: str = "scopes") -> None:
    """Refuse to make, or to act upon, whoever may do more than the caller."""
    lacking = sorted(scopes - call.client.scopes)
    if lacking:
        raise RefusalError(
            403, "scope_not_held", f"It takes what you may not: {', '.join(lacking)}.", field=field
        )


def _check_hosts(call: Call[Any, Any, Any], hosts: Iterable[str], field: str) -> None:
    """Refuse hosts that the caller does not stand in front of itself.

    A browser is sent there with a ticket that tells who sits at it. Of people, applications and
    groups there is nothing to compare: no confined caller gets in here.
    """
    lacking = sorted({host.lower() for host in hosts} - call.client.hosts)
    if lacking:
        raise RefusalError(
            403, "host_not_held", f"Hosts that are not your own: {', '.join(lacking)}.", field=field
        )


def _values(given: list[str] | UnsetType) -> tuple[str, ...]:
    return () if given is UNSET else tuple(given)


def _told(client: GateClient, created_at: datetime) -> Caller:
    def listed(values: frozenset[str] | None) -> list[str] | None:
        return None if values is None else sorted(values)

    return Caller(
        client.name,
        sorted(client.scopes),
        client.secret_hash is not None,
        created_at,
        listed(client.applications),
        listed(client.people),
        listed(client.groups),
        sorted(client.hosts),
        sorted(client.push_endpoints),
    )
