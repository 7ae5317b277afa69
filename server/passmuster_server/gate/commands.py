"""`passmuster-server gate-client NAME`: who may ask the gate."""

from argparse import ArgumentParser, _SubParsersAction

from sqlalchemy import Connection

from passmuster_collectors.contract.errors import ContractError
from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event
from passmuster_server.commands import Command, CommandError
from passmuster_server.devices.groups import GroupError, find_group
from passmuster_server.gate.callers import ASK, SCOPES, Grants
from passmuster_server.gate.client_store import (
    GateClientExistsError,
    UnknownGateClientError,
    create_client,
    create_oauth_client,
    revoke_client,
)
from passmuster_server.gate.registration import check_grants, check_name, created_event
from passmuster_server.schema import DEFAULT_ORGANISATION


def add_commands(parsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Register `gate-client`."""
    parser = parsers.add_parser("gate-client", help="give a caller of the gate its credentials")
    parser.add_argument("name", metavar="NAME", help="what asks: nginx, keycloak, ...")
    parser.add_argument("--revoke", action="store_true", help="take them out of use instead")
    parser.add_argument(
        "--oauth",
        action="store_true",
        help="an OAuth 2 client id and secret, for short-lived tokens, instead of a bearer token",
    )
    parser.add_argument(
        "--scope",
        action="append",
        default=[],
        choices=SCOPES,
        help=f"what it may do (default: {ASK})",
    )
    parser.add_argument(
        "--application",
        action="append",
        default=[],
        metavar="ID",
        help="ask for this application alone; may be given again",
    )
    parser.add_argument(
        "--person",
        action="append",
        default=[],
        metavar="EMAIL",
        help="ask for this person alone, or with *@example.com for these; may be given again",
    )
    parser.add_argument(
        "--group",
        action="append",
        default=[],
        metavar="NAME",
        help="ask about people with laptops in this group alone; may be given again",
    )
    parser.add_argument(
        "--push",
        action="append",
        default=[],
        metavar="URL",
        help="have events pushed to this address, or below it where it ends with /; "
        "may be given again",
    )
    parser.add_argument(
        "--host",
        action="append",
        default=[],
        metavar="HOST",
        help="a host, with its port if it names one, of an application behind this proxy; browsers "
        "are sent back there and nowhere else; may be given again",
    )
    parser.set_defaults(run=gate_client)


def gate_client(command: Command) -> int:
    """Print a new client's credentials, which are not kept, or revoke a client."""
    arguments, now = command.arguments, command.clock()
    name = arguments.name.strip()
    try:
        check_name(name)
    except ContractError as error:
        raise CommandError(f"NAME: {error.problem}") from None
    if arguments.revoke:
        try:
            command.change(
                lambda transaction: revoke_client(transaction, DEFAULT_ORGANISATION, name, now),
                lambda _: Event(Action.GATE_CLIENT_REVOKED, subject=name),
            )
        except UnknownGateClientError:
            raise CommandError(f"there is no client {name!r}") from None
        print(f"{name} may not ask any more.")
        return 0
    grants = _grants(command)
    try:
        if arguments.oauth:
            client, secret = command.change(
                lambda each: create_oauth_client(each, DEFAULT_ORGANISATION, name, now, grants),
                lambda _: created_event(name, grants),
            )
            print(f"OAuth 2 client id and secret of {name}, shown this once:")
            print(client)
            print(secret)
            return 0
        token = command.change(
            lambda each: create_client(each, DEFAULT_ORGANISATION, name, now, grants),
            lambda _: created_event(name, grants),
        )
    except GateClientExistsError:
        raise CommandError(f"there is a client {name!r} already; revoke it first") from None
    print(f"Bearer token of {name}, shown this once:")
    print(token)
    return 0


def _grants(command: Command) -> Grants:
    arguments = command.arguments
    grants = Grants(
        tuple(arguments.scope),
        tuple(arguments.application),
        tuple(arguments.person),
        _groups(command),
        tuple(arguments.push),
        hosts=tuple(arguments.host),
    )
    try:
        check_grants(grants)
    except ContractError as error:
        raise CommandError(f"--{error.field}: {error.problem}") from None
    return grants


def _groups(command: Command) -> tuple[str, ...]:
    """Return the ids of the groups that were named."""

    def read(connection: Connection) -> tuple[str, ...]:
        names = command.arguments.group
        return tuple(find_group(connection, DEFAULT_ORGANISATION, name).group_id for name in names)

    try:
        return command.database.read_now(read)
    except GroupError as error:
        raise CommandError(f"--group: {error}") from None
