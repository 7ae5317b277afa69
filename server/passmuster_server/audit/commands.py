"""`passmuster-server audit` and `verify-audit`."""

import csv
import json
import sys
from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Iterator

from passmuster_collectors.contract import codec
from passmuster_server.audit import record
from passmuster_server.audit.actions import Action
from passmuster_server.audit.export import COLUMNS, cells, plain
from passmuster_server.audit.record import BrokenChainError, Entry, Event
from passmuster_server.commands import Command, CommandError
from passmuster_server.schema import DEFAULT_ORGANISATION


def add_commands(parsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Register both."""
    shown = parsers.add_parser("audit", help="print who did what, the newest first")
    shown.add_argument("--search", default="", metavar="TEXT", help="in action, actor, person, id")
    shown.add_argument("--limit", type=int, metavar="N", help="so many entries at most")
    shown.add_argument(
        "--format", choices=("text", "csv", "json"), default="text", help="json: one entry a line"
    )
    shown.set_defaults(run=show)
    verified = parsers.add_parser("verify-audit", help="prove that the audit record is unaltered")
    verified.add_argument(
        "--head", default="", metavar="HASH", help="as noted before: it has to be in the record"
    )
    verified.set_defaults(run=verify)


def show(command: Command) -> int:
    """Print entries; an export of the record goes on record itself."""
    arguments = command.arguments
    if arguments.limit is not None and arguments.limit < 1:
        raise CommandError("--limit: expected 1 or more")
    found = _newest(command, arguments.search.strip(), arguments.limit)
    if arguments.format == "text":
        for entry in found:
            print(_line(entry))
        return 0
    command.change(
        lambda _: None,
        lambda _: Event(Action.AUDIT_EXPORTED, details={"format": arguments.format}),
    )
    if arguments.format == "csv":
        writer = csv.writer(sys.stdout)
        writer.writerow(COLUMNS)
        writer.writerows(cells(entry) for entry in found)
    else:
        for entry in found:
            print(json.dumps(plain(entry), ensure_ascii=False))
    return 0


def verify(command: Command) -> int:
    """Follow the chain from its first entry to its end."""
    try:
        found = command.database.read_now(
            lambda connection: record.verify(
                connection, DEFAULT_ORGANISATION, command.arguments.head.strip().lower()
            )
        )
    except BrokenChainError as error:
        raise CommandError(f"the audit record does not hold: {error}") from None
    print(f"The audit record holds: {found.entries} entries, {found.erased} of them erased.")
    print("Keep this with the date, outside this server; --head proves later that it is still in:")
    print(found.head)
    return 0


def _newest(command: Command, search: str, limit: int | None) -> Iterator[Entry]:
    """Yield entries page by page: the record may be larger than the memory."""
    before: int | None = None
    left = limit
    while left is None or left > 0:
        size = record.PAGE_SIZE if left is None else min(left, record.PAGE_SIZE)
        page = command.database.read_now(
            lambda connection, before=before, size=size: record.entries(  # type: ignore[misc]
                connection, DEFAULT_ORGANISATION, search=search, before=before, limit=size
            )
        )
        yield from page
        if len(page) < size:
            return
        before = page[-1].number
        left = None if left is None else left - len(page)


def _line(entry: Entry) -> str:
    details = "(erased)" if entry.details is None else _spoken(entry)
    words = (entry.action, entry.subject, entry.person, details)
    return f"{entry.number:>6}  {codec.format_time(entry.at)}  {entry.actor}  " + "  ".join(
        word for word in words if word
    )


def _spoken(entry: Entry) -> str:
    assert entry.details is not None  # noqa: S101 - asked for a whole entry alone
    return ", ".join(f"{name}={value}" for name, value in entry.details.items() if value)
