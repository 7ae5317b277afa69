"""`passmuster-server history`: who was not compliant when, and for how long."""

import csv
import json
import sys
from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.commands import Command, CommandError
from passmuster_server.devices.groups import GroupError, find_group
from passmuster_server.fleet.history import Episode, Period, episodes
from passmuster_server.fleet.history_totals import Total, totals
from passmuster_server.schema import DEFAULT_ORGANISATION

LAST = timedelta(days=30)
FORMULAS = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for a formula at the beginning of a cell."""


def add_commands(parsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Register `history`."""
    parser = parsers.add_parser("history", help="who was not compliant when, and for how long")
    for flag, text in (
        ("--since", "a date or a time, such as 2026-02-01 or 2026-02-01T09:30Z; default: 30 days"),
        ("--until", "the same, not included; default: now"),
    ):
        parser.add_argument(flag, metavar="TIME", default="", help=text)
    parser.add_argument("--owner", metavar="EMAIL", default="", help="of this person alone")
    parser.add_argument("--group", metavar="NAME", help="of the laptops that are in it now")
    parser.add_argument(
        "--verdict",
        choices=[verdict.value for verdict in Verdict],
        default=Verdict.NON_COMPLIANT.value,
        help="default: non_compliant",
    )
    parser.add_argument(
        "--episodes", action="store_true", help="each time, instead of one line for each laptop"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="for programs; lengths in seconds")
    form.add_argument("--csv", action="store_true", help="for spreadsheets; lengths in seconds")
    parser.set_defaults(run=history)


def history(command: Command) -> int:
    """Print the laptops, or each time, of the period; times are UTC."""
    arguments, now = command.arguments, command.clock()
    until = moment("--until", arguments.until) if arguments.until else now
    since = moment("--since", arguments.since) if arguments.since else until - LAST
    if since >= until:
        raise CommandError("--since: expected a time before --until")
    period = Period(
        DEFAULT_ORGANISATION,
        since,
        until,
        Verdict(arguments.verdict),
        arguments.owner.strip(),
        _group(command, arguments.group) if arguments.group is not None else None,
    )
    read = episodes if arguments.episodes else totals
    found: Sequence[Episode | Total] = command.database.read_now(
        lambda connection: read(connection, period, now)
    )
    rows = [_plain(each) for each in found]
    if arguments.json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
    elif arguments.csv:
        _print_csv(rows)
    else:
        _print_text(period, found)
    return 0


def _group(command: Command, name: str) -> frozenset[str]:
    """Return the id of the group of this name. Raises `CommandError`."""
    try:
        found = command.database.read_now(
            lambda connection: find_group(connection, DEFAULT_ORGANISATION, name)
        )
    except GroupError as error:
        raise CommandError(str(error)) from None
    return frozenset({found.group_id})


def moment(flag: str, text: str) -> datetime:
    """Return what the flag says; without an offset it is UTC. Raises `CommandError`."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{flag}: expected a time such as 2026-02-01T09:30Z") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _plain(found: Episode | Total) -> dict[str, Any]:
    about = {
        "device": found.device,
        "owner": found.owner,
        "computer_name": found.computer_name,
        "seconds": round(found.seconds, 3),
    }
    if isinstance(found, Total):
        first = codec.format_time(found.first)
        return {**about, "episodes": found.episodes, "first": first, "lasts": found.lasts}
    ended = None if found.ended is None else codec.format_time(found.ended)
    return {**about, "began": codec.format_time(found.began), "ended": ended}


def _print_csv(rows: Sequence[dict[str, Any]]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    for number, row in enumerate(rows):
        if number == 0:
            writer.writerow(row)
        writer.writerow([_cell(value) for value in row.values()])


def _cell(value: Any) -> Any:
    """Return the value; a text that a spreadsheet would run is shown as a text."""
    if isinstance(value, str) and value.startswith(FORMULAS):
        return f"'{value}"
    return "" if value is None else value


def _print_text(period: Period, found: Sequence[Episode | Total]) -> None:
    print(f"{period.verdict.value} from {_shown(period.since)} until {_shown(period.until)} UTC:")
    if not found:
        print("nobody")
    for each in found:
        length = timedelta(seconds=round(each.seconds))
        who = f"{each.owner}  {each.computer_name}  {each.device}"
        if isinstance(each, Total):
            lasts = ", still" if each.lasts else ""
            times = "once" if each.episodes == 1 else f"{each.episodes} times"
            print(f"{length!s:>20}  {times}{lasts}  {who}")
        else:
            ended = "still" if each.ended is None else _shown(each.ended)
            print(f"{length!s:>20}  {_shown(each.began)} - {ended}  {who}")


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"
