"""`passmuster-server gate-client NAME`: who may ask the gate."""

from argparse import ArgumentParser, _SubParsersAction

from passmuster_server.commands import Command, CommandError
from passmuster_server.gate.clients import (
    GateClientExistsError,
    UnknownGateClientError,
    create_client,
    revoke_client,
)
from passmuster_server.schema import DEFAULT_ORGANISATION

MAX_NAME = 128


def add_commands(parsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Register `gate-client`."""
    parser = parsers.add_parser("gate-client", help="give a caller of the gate its bearer token")
    parser.add_argument("name", metavar="NAME", help="what asks: nginx, keycloak, ...")
    parser.add_argument("--revoke", action="store_true", help="take the token out of use instead")
    parser.set_defaults(run=gate_client)


def gate_client(command: Command) -> int:
    """Print a new client's token, which is not kept, or revoke a client."""
    name, now = command.arguments.name.strip(), command.clock()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise CommandError(f"NAME: expected one line of at most {MAX_NAME} characters")
    if command.arguments.revoke:
        try:
            command.database.write_now(
                lambda transaction: revoke_client(transaction, DEFAULT_ORGANISATION, name, now)
            )
        except UnknownGateClientError:
            raise CommandError(f"there is no client {name!r}") from None
        print(f"{name} may not ask any more.")
        return 0
    try:
        token = command.database.write_now(
            lambda transaction: create_client(transaction, DEFAULT_ORGANISATION, name, now)
        )
    except GateClientExistsError:
        raise CommandError(f"there is a client {name!r} already; revoke it first") from None
    print(f"Bearer token of {name}, shown this once:")
    print(token)
    return 0
