"""`passmuster-server usb`: which USB devices are unknown, and which are approved or forbidden."""

from argparse import ArgumentParser, _SubParsersAction

from sqlalchemy import Connection

from passmuster_server.commands import Command, CommandError
from passmuster_server.policy import exception_commands, store
from passmuster_server.policy.allowances import (
    AllowanceError,
    AllowanceKind,
    class_value,
    device_value,
)
from passmuster_server.policy.default_document import default_document
from passmuster_server.policy.document import Policy, parse
from passmuster_server.policy.reported import UnknownDevice, unknown_usb_devices
from passmuster_server.schema import DEFAULT_ORGANISATION

MAX_LAPTOPS = 5
KINDS = {
    AllowanceKind.USB_DEVICE: "approved",
    AllowanceKind.USB_CLASS: "approved class",
    AllowanceKind.USB_FORBIDDEN: "forbidden",
}


def add_commands(parsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Register `usb`."""
    usb = parsers.add_parser("usb", help="list, approve and forbid USB devices")
    verbs = usb.add_subparsers(metavar="VERB", required=True)
    unknown = verbs.add_parser("list-unknown", help="list devices that keep laptops from passing")
    unknown.set_defaults(run=list_unknown)
    listed = verbs.add_parser("list", help="list what is approved and forbidden")
    listed.set_defaults(run=show)
    for verb, run, text in (
        ("approve", approve, "let a device, or one of a kind, be plugged in"),
        ("forbid", forbid, "refuse a device, whatever approves it"),
    ):
        parser = verbs.add_parser(verb, help=text)
        parser.add_argument(
            "id", nargs="?", help="VENDOR:PRODUCT or VENDOR:PRODUCT:SERIAL, as listed"
        )
        if run is approve:
            parser.add_argument(
                "--class",
                dest="usb_class",
                metavar="CC",
                help="every device that is of this interface class alone, such as 03",
            )
        exception_commands.add_terms(parser)
        parser.set_defaults(run=run)
    ended = verbs.add_parser("end", help="end an approval or a prohibition before its time")
    ended.add_argument("allowance", help="its id, as `list` prints it")
    ended.set_defaults(run=exception_commands.end)


def list_unknown(command: Command) -> int:
    """Print unknown devices, those of the most laptops first."""

    def read(connection: Connection) -> list[UnknownDevice]:
        return unknown_usb_devices(
            connection, DEFAULT_ORGANISATION, _policy(connection), command.clock()
        )

    for each in command.database.read_now(read):
        owners = [f"{one.owner} ({one.computer_name})" for one in each.laptops[:MAX_LAPTOPS]]
        more = len(each.laptops) - len(owners)
        told = ", ".join(owners) + (f" and {more} more" if more else "")
        name = "".join(letter if letter.isprintable() else "?" for letter in each.name)
        problems = ", ".join(finding.problem for finding in each.findings)
        print(f"{each.identity}  {name or '(no name)'}  {problems}  {told}")
    return 0


def approve(command: Command) -> int:
    """Approve a device or a class; servers judge by it within a second."""
    arguments = command.arguments
    if (arguments.id is None) == (arguments.usb_class is None):
        raise CommandError("expected an id or --class, and not both")
    try:
        if arguments.usb_class is not None:
            kind, value = AllowanceKind.USB_CLASS, class_value(arguments.usb_class)
        else:
            kind, value = AllowanceKind.USB_DEVICE, device_value(arguments.id)
    except AllowanceError as error:
        raise CommandError(str(error)) from None
    print(f"{exception_commands.grant(command, kind, value)}: {KINDS[kind]} {value}")
    return 0


def forbid(command: Command) -> int:
    """Forbid a device; servers judge by it within a second."""
    try:
        value = device_value(command.arguments.id or "")
    except AllowanceError as error:
        raise CommandError(str(error)) from None
    allowance = exception_commands.grant(command, AllowanceKind.USB_FORBIDDEN, value)
    print(f"{allowance}: forbidden {value}")
    return 0


def show(command: Command) -> int:
    """Print what is in force."""
    exception_commands.show(command, KINDS)
    return 0


def _policy(connection: Connection) -> Policy:
    for row in store.newest_policies(connection):
        if row.organisation_id == DEFAULT_ORGANISATION:
            return parse(row.document, row.version)
    return parse(default_document(), 0)
