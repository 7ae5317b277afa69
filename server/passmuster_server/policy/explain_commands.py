"""`passmuster-server explain`: what a device's verdict rests on."""

import json
from argparse import ArgumentParser, _SubParsersAction

from passmuster_collectors.contract.errors import ContractError
from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event
from passmuster_server.commands import Command, CommandError
from passmuster_server.policy.explanation import explain
from passmuster_server.schema import DEFAULT_ORGANISATION


def add_commands(parsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Register `explain`."""
    parser = parsers.add_parser("explain", help="print what a device's verdict rests on, as JSON")
    parser.add_argument("device", help="the device's id, as on its page")
    parser.set_defaults(run=show)


def show(command: Command) -> int:
    """Print it. Like a look at the device's page, it goes on record."""
    device, now = command.arguments.device, command.clock()
    try:
        found = command.database.read_now(
            lambda connection: explain(connection, DEFAULT_ORGANISATION, device, now)
        )
    except ContractError as error:
        raise CommandError(f"its policy is of another version of this server: {error}") from None
    if found is None:
        raise CommandError("there is no such device")
    command.change(
        lambda _: None,
        lambda _: Event(Action.DEVICE_VIEWED, subject=device, person=found["owner"]),
    )
    print(json.dumps(found, indent=2, ensure_ascii=False))
    return 0
