"""`passmuster-server group` and `ownership`: which group a device is in, and whose it is."""

from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Callable
from typing import TypeVar

from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event
from passmuster_server.changes import announce
from passmuster_server.commands import Command, CommandError
from passmuster_server.database import Transaction
from passmuster_server.devices import groups
from passmuster_server.devices.groups import GroupError, GroupKind, Ownership
from passmuster_server.schema import DEFAULT_ORGANISATION

T = TypeVar("T")
_DOMAINS = "of the e-mail addresses of people whom the group's own administrators may enrol"


def add_commands(parsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Register both."""
    group = parsers.add_parser("group", help="add and list groups, move devices between them")
    verbs = group.add_subparsers(metavar="VERB", required=True)
    added = verbs.add_parser("add", help="make a group for a team or an outsourced company")
    added.add_argument("name", help="such as Manila")
    added.add_argument(
        "--kind",
        choices=[kind.value for kind in GroupKind],
        default=GroupKind.INTERNAL.value,
        help="whose people they are (default: internal)",
    )
    added.add_argument("--owner-domain", action="append", default=[], help=_DOMAINS)
    added.set_defaults(run=add)
    named = verbs.add_parser("domains", help="say whose people a group may enrol by itself")
    named.add_argument("name", help="the group, as `list` prints it")
    named.add_argument("domains", nargs="*", metavar="DOMAIN", help=_DOMAINS)
    named.set_defaults(run=domains)
    listed = verbs.add_parser("list", help="list the groups and how many devices they have")
    listed.set_defaults(run=show)
    moved = verbs.add_parser("move", help="put a device into a group")
    moved.add_argument("device", help="the device's id, as on its page")
    moved.add_argument("name", help="the group, as `list` prints it")
    moved.set_defaults(run=move)
    ownership = parsers.add_parser("ownership", help="say whether a device is the company's")
    ownership.add_argument("device", help="the device's id, as on its page")
    ownership.add_argument("ownership", choices=[each.value for each in Ownership])
    ownership.set_defaults(run=own)


def add(command: Command) -> int:
    """Make a group."""
    name, kind = command.arguments.name, GroupKind(command.arguments.kind)

    def work(transaction: Transaction) -> None:
        groups.create_group(
            transaction.connection,
            DEFAULT_ORGANISATION,
            name,
            kind,
            command.clock(),
            command.arguments.owner_domain,
        )

    details = {"owner_domains": command.arguments.owner_domain}
    event = Event(Action.GROUP_CREATED, subject=name.strip(), details=details)
    _change(command, work, lambda _: event)
    print(f"Group {name.strip()} ({kind}) is there. Enrol a laptop into it with:")
    print(f'  passmuster-server enroll-code --owner EMAIL --group "{name.strip()}"')
    return 0


def domains(command: Command) -> int:
    """Set the domains of a group, in place of those before."""

    def work(transaction: Transaction) -> tuple[str, tuple[str, ...]]:
        connection = transaction.connection
        found = groups.find_group(connection, DEFAULT_ORGANISATION, command.arguments.name)
        given = groups.set_owner_domains(
            connection, DEFAULT_ORGANISATION, found.group_id, command.arguments.domains
        )
        return str(found.name), given

    name, given = _change(
        command,
        work,
        lambda done: Event(
            Action.GROUP_CHANGED, subject=done[0], details={"owner_domains": list(done[1])}
        ),
    )
    print(f"{name} may enrol people of: {', '.join(given) or 'nobody; your own IT does it'}.")
    return 0


def show(command: Command) -> int:
    """Print the groups by name."""
    rows, counts = command.database.read_now(
        lambda connection: (
            groups.groups_of(connection, DEFAULT_ORGANISATION),
            groups.devices_by_group(connection, DEFAULT_ORGANISATION),
        )
    )
    for row in rows:
        whom = f"  enrols people of {row.owner_domains}" if row.owner_domains else ""
        print(f"{row.name}  {row.kind}  {counts.get(row.group_id, 0)}{whom}")
    return 0


def move(command: Command) -> int:
    """Put a device into a group; running servers judge it within a second."""
    arguments = command.arguments

    def work(transaction: Transaction) -> tuple[str, str]:
        connection = transaction.connection
        found = groups.find_group(connection, DEFAULT_ORGANISATION, arguments.name)
        owner = groups.place_device(
            connection, DEFAULT_ORGANISATION, arguments.device, group=found.group_id
        )
        announce(connection, DEFAULT_ORGANISATION, arguments.device)
        return str(found.name), owner

    name, _ = _change(command, work, lambda done: _moved(arguments.device, done[1], group=done[0]))
    print(f"The device is in the group {name}.")
    return 0


def own(command: Command) -> int:
    """Say whose a device is; running servers judge it within a second."""
    arguments = command.arguments
    ownership = Ownership(arguments.ownership)

    def work(transaction: Transaction) -> str:
        connection = transaction.connection
        owner = groups.place_device(
            connection, DEFAULT_ORGANISATION, arguments.device, ownership=ownership
        )
        announce(connection, DEFAULT_ORGANISATION, arguments.device)
        return owner

    _change(command, work, lambda owner: _moved(arguments.device, owner, ownership=ownership.value))
    whose = "the company's" if ownership is Ownership.COMPANY else "a person's own"
    print(f"The device is {whose}.")
    return 0


def _moved(device: str, owner: str, **details: str) -> Event:
    return Event(Action.DEVICE_MOVED, subject=device, person=owner, details=details)


def _change(command: Command, work: Callable[[Transaction], T], event: Callable[[T], Event]) -> T:
    try:
        return command.change(work, event)
    except GroupError as error:
        raise CommandError(str(error)) from None
