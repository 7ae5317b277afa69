"""`passmuster-server break-glass`: a code that lets one person in without a laptop, once."""

from argparse import ArgumentParser, _SubParsersAction
from datetime import timedelta

from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event
from passmuster_server.commands import Command, CommandError
from passmuster_server.gate.break_glass import (
    LONGEST,
    LONGEST_VALID,
    MAX_REASON,
    BreakGlass,
    create,
)
from passmuster_server.schema import DEFAULT_ORGANISATION


def add_commands(parsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Register `break-glass`."""
    parser = parsers.add_parser(
        "break-glass", help="make a code that lets a person in once without a laptop"
    )
    parser.add_argument("--person", required=True, metavar="EMAIL", help="whom it lets in")
    parser.add_argument("--application", required=True, metavar="ID", help="into what")
    parser.add_argument("--reason", required=True, metavar="TEXT", help="goes on record")
    parser.add_argument(
        "--minutes", type=int, default=60, metavar="N", help="how long it lets in (default: 60)"
    )
    parser.add_argument(
        "--valid-hours", type=int, default=24, metavar="N", help="to be used within (default: 24)"
    )
    parser.set_defaults(run=break_glass)


def break_glass(command: Command) -> int:
    """Print the code, which is not kept, and put it on record."""
    arguments, now = command.arguments, command.clock()
    for flag, value, longest in (
        ("--person", arguments.person, 254),
        ("--application", arguments.application, 128),
        ("--reason", arguments.reason, MAX_REASON),
    ):
        if not value.strip() or len(value) > longest or not value.isprintable():
            raise CommandError(f"{flag}: expected one line of at most {longest} characters")
    most = int(LONGEST.total_seconds()) // 60
    if not 1 <= arguments.minutes <= most:
        raise CommandError(f"--minutes: expected 1 to {most}")
    most = int(LONGEST_VALID.total_seconds()) // 3600
    if not 1 <= arguments.valid_hours <= most:
        raise CommandError(f"--valid-hours: expected 1 to {most}")
    grant = BreakGlass(
        arguments.person.strip(),
        arguments.application,
        timedelta(minutes=arguments.minutes),
        now + timedelta(hours=arguments.valid_hours),
        arguments.reason,
    )
    code = command.change(
        lambda each: create(each, DEFAULT_ORGANISATION, grant, command.actor, now),
        lambda _: Event(
            Action.BREAK_GLASS_CREATED,
            subject=grant.application,
            person=grant.person,
            details={"minutes": arguments.minutes, "reason": grant.reason},
        ),
    )
    print(f"Break-glass code for {grant.person} and {grant.application}, shown this once:")
    print(code)
    return 0
