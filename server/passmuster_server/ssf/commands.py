"""`passmuster-server webhook`: addresses that hear of changed verdicts as signed JSON."""

from argparse import ArgumentParser, _SubParsersAction

from passmuster_collectors.contract.errors import ContractError
from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event
from passmuster_server.commands import Command, CommandError
from passmuster_server.gate.client_store import (
    GateClientExistsError,
    UnknownGateClientError,
)
from passmuster_server.gate.push_addresses import check_push_address
from passmuster_server.schema import DEFAULT_ORGANISATION
from passmuster_server.ssf.webhooks import add_webhook, remove_webhook, webhooks

MAX_NAME = 128


def add_commands(parsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Register `webhook`."""
    parser = parsers.add_parser("webhook", help="tell changed verdicts to other software")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    add = actions.add_parser("add", help="send to an address, signed by a secret that is printed")
    add.add_argument("name", metavar="NAME")
    add.add_argument("url", metavar="URL", help="https, or http to this machine")
    add.set_defaults(run=_add)
    remove = actions.add_parser("remove", help="send no more")
    remove.add_argument("name", metavar="NAME")
    remove.set_defaults(run=_remove)
    actions.add_parser("list", help="show all, and how they do").set_defaults(run=_list)


def _add(command: Command) -> int:
    name, url, now = command.arguments.name.strip(), command.arguments.url, command.clock()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise CommandError(f"NAME: expected one line of at most {MAX_NAME} characters")
    try:
        check_push_address(url)
        secret = command.change(
            lambda transaction: add_webhook(transaction, DEFAULT_ORGANISATION, name, url, now),
            lambda _: Event(Action.WEBHOOK_ADDED, subject=name, details={"url": url}),
        )
    except ContractError as error:
        raise CommandError(f"URL: {error.problem}") from None
    except GateClientExistsError:
        raise CommandError(f"there is a caller {name!r} already") from None
    print(f"Secret of the signatures of {name}, shown this once:")
    print(secret)
    return 0


def _remove(command: Command) -> int:
    name, now = command.arguments.name.strip(), command.clock()
    try:
        command.change(
            lambda transaction: remove_webhook(transaction, DEFAULT_ORGANISATION, name, now),
            lambda _: Event(Action.WEBHOOK_REMOVED, subject=name),
        )
    except UnknownGateClientError:
        raise CommandError(f"there is no webhook {name!r}") from None
    print(f"{name} hears no more.")
    return 0


def _list(command: Command) -> int:
    for row in command.database.read_now(
        lambda connection: webhooks(connection, DEFAULT_ORGANISATION)
    ):
        state = "ok"
        if row.failures and row.retry_at is not None:
            state = f"{row.failures} failures in a row, next try {row.retry_at:%Y-%m-%d %H:%M} UTC"
        print(f"{row.name}  {row.endpoint_url}  {state}")
    return 0
