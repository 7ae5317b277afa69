"""What the commands share by which IT allows something: for whom, until when, and why."""

from argparse import ArgumentParser
from datetime import UTC, datetime

from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event
from passmuster_server.commands import Command, CommandError
from passmuster_server.database import Transaction
from passmuster_server.devices.groups import GroupError, find_group, groups_of
from passmuster_server.policy import allowances
from passmuster_server.policy.allowances import (
    AllowanceError,
    AllowanceKind,
    Granted,
    NewAllowance,
    Scope,
)
from passmuster_server.schema import DEFAULT_ORGANISATION


def add_terms(parser: ArgumentParser) -> None:
    """Let a command say for whom it counts, why, and until when."""
    scope = parser.add_mutually_exclusive_group(required=True)
    scope.add_argument("--device", metavar="DEVICE", help="for one laptop, its id as on its page")
    scope.add_argument("--group", metavar="NAME", help="for a group's laptops")
    scope.add_argument("--organisation", action="store_true", help="for every laptop")
    parser.add_argument("--reason", required=True, metavar="TEXT", help="goes on record")
    parser.add_argument(
        "--until", metavar="DATE", help="2027-01-31, its beginning in UTC (default: for good)"
    )


def grant(command: Command, kind: AllowanceKind, value: str, name: str = "") -> str:
    """Grant what the command asks for and return its id; servers judge by it within a second."""
    arguments = command.arguments

    def work(transaction: Transaction) -> tuple[NewAllowance, Granted]:
        connection = transaction.connection
        group = arguments.group and find_group(connection, DEFAULT_ORGANISATION, arguments.group)
        scope = Scope(arguments.device, group.group_id if group else None)
        new = NewAllowance(kind, value, scope, name, arguments.reason, _until(arguments.until))
        granted = allowances.grant(
            connection, DEFAULT_ORGANISATION, new, command.actor, command.clock()
        )
        return new, granted

    try:
        return command.change(
            work,
            lambda granted: granted_event(granted[0], granted[1], arguments.group),
        )[1].allowance
    except (AllowanceError, GroupError) as error:
        raise CommandError(str(error)) from None


def granted_event(new: NewAllowance, granted: Granted, group: str | None, by: str = "") -> Event:
    """Return what goes on record of an allowance; `group` is the name of the group in its scope."""
    return Event(
        Action.ALLOWANCE_GRANTED,
        by,
        subject=granted.device or granted.allowance,
        person=granted.owner,
        details={
            "allowance": granted.allowance,
            "kind": new.kind.value,
            "value": new.value,
            "group": group,
            "until": None if new.until is None else f"{new.until:%Y-%m-%d}",
            "reason": new.reason,
        },
    )


def ended_event(ended: Granted, by: str = "") -> Event:
    """Return what goes on record of an allowance that was ended."""
    return Event(
        Action.ALLOWANCE_ENDED,
        by,
        subject=ended.device or ended.allowance,
        person=ended.owner,
        details={"allowance": ended.allowance},
    )


def end(command: Command) -> int:
    """End one before its time; servers judge without it within a second."""
    try:
        command.change(
            lambda transaction: allowances.end(
                transaction.connection,
                DEFAULT_ORGANISATION,
                command.arguments.allowance,
                command.actor,
                command.clock(),
            ),
            ended_event,
        )
    except AllowanceError as error:
        raise CommandError(str(error)) from None
    print("It has ended.")
    return 0


def show(command: Command, kinds: dict[AllowanceKind, str]) -> None:
    """Print those in force of some kinds, each after its word."""
    now = command.clock()
    rows, groups = command.database.read_now(
        lambda connection: (
            allowances.all_allowances(connection, DEFAULT_ORGANISATION),
            groups_of(connection, DEFAULT_ORGANISATION),
        )
    )
    names = {group.group_id: group.name for group in groups}
    for row in rows:
        word = kinds.get(AllowanceKind(row.kind))
        over = row.ended_at is not None or (row.expires_at is not None and row.expires_at <= now)
        if word is None or over:
            continue
        whom = "the organisation"
        if row.device_id:
            whom = f"device {row.device_id}"
        elif row.group_id:
            whom = f"group {names.get(row.group_id, row.group_id)}"
        until = f" until {row.expires_at:%Y-%m-%d %H:%M} UTC" if row.expires_at else ""
        what = f"{row.value} {row.name}".rstrip()
        by = f"by {row.granted_by}: {row.reason}"
        print(f"{row.allowance_id}  {word} {what}  for {whom}{until}  {by}")


def _until(text: str | None) -> datetime | None:
    try:
        return until_of(text) if text is not None else None
    except AllowanceError as error:
        raise CommandError(f"--{error}") from None


def until_of(date: str) -> datetime:
    """Return the beginning of a day in UTC. Raises `AllowanceError`."""
    try:
        return datetime.strptime(date, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise AllowanceError("until: expected a date such as 2027-01-31") from None
