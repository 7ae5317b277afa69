"""`passmuster-server waive`, `waivers` and `end-waiver`."""

from argparse import ArgumentParser, _SubParsersAction
from datetime import timedelta

from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event
from passmuster_server.commands import Command, CommandError
from passmuster_server.policy import waivers
from passmuster_server.policy.waivers import WaiverError
from passmuster_server.schema import DEFAULT_ORGANISATION


def add_commands(parsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Register the three."""
    waive = parsers.add_parser("waive", help="let one signal of a device shut nobody out")
    waive.add_argument("device", help="the device's id, as on its page")
    waive.add_argument("signal", help="such as usb_devices")
    waive.add_argument("--days", type=int, required=True, metavar="N", help="how long")
    waive.add_argument("--reason", required=True, metavar="TEXT", help="goes on record")
    waive.set_defaults(run=grant)
    listed = parsers.add_parser("waivers", help="list the waivers in force")
    listed.add_argument("--all", action="store_true", help="those that have ended as well")
    listed.set_defaults(run=show)
    ended = parsers.add_parser("end-waiver", help="end a waiver before its time")
    ended.add_argument("waiver", help="its id, as `waivers` lists it")
    ended.set_defaults(run=end)


def grant(command: Command) -> int:
    """Grant a waiver; running servers judge the device within a second."""
    arguments, now = command.arguments, command.clock()
    if not 1 <= arguments.days <= waivers.LONGEST.days:
        raise CommandError(f"--days: expected 1 to {waivers.LONGEST.days}")
    until = now + timedelta(days=arguments.days)
    try:
        granted = command.change(
            lambda transaction: waivers.grant(
                transaction.connection,
                DEFAULT_ORGANISATION,
                arguments.device,
                arguments.signal,
                arguments.reason,
                until,
                command.actor,
                now,
            ),
            lambda waived: _event(
                Action.WAIVER_GRANTED, waived, reason=arguments.reason, days=arguments.days
            ),
        )
    except WaiverError as error:
        raise CommandError(str(error)) from None
    ends = f"{until:%Y-%m-%d %H:%M} UTC"
    print(f"Waiver {granted.waiver}: {arguments.signal} shuts nobody out until {ends}.")
    return 0


def show(command: Command) -> int:
    """Print the waivers."""
    now = command.clock()
    rows = command.database.read_now(
        lambda connection: waivers.all_waivers(connection, DEFAULT_ORGANISATION)
    )
    for row in rows:
        lasts = row.ended_at is None and row.expires_at > now
        if not (lasts or command.arguments.all):
            continue
        end_of_it = row.ended_at or row.expires_at
        print(
            f"{row.waiver_id}  {row.signal}  {row.owner}  {row.computer_name}  "
            f"{'until' if lasts else 'ended'} {end_of_it:%Y-%m-%d %H:%M} UTC  "
            f"by {row.granted_by}: {row.reason}"
        )
    return 0


def end(command: Command) -> int:
    """End a waiver; running servers judge the device within a second."""
    try:
        command.change(
            lambda transaction: waivers.end(
                transaction.connection,
                DEFAULT_ORGANISATION,
                command.arguments.waiver,
                command.actor,
                command.clock(),
            ),
            lambda waived: _event(Action.WAIVER_ENDED, waived),
        )
    except WaiverError as error:
        raise CommandError(str(error)) from None
    print("The waiver has ended.")
    return 0


def _event(action: Action, waived: waivers.Waived, **details: str | int) -> Event:
    return Event(
        action,
        subject=waived.device,
        person=waived.owner,
        details={"waiver": waived.waiver, "signal": waived.signal, **details},
    )
