"""`passmuster-server evidence`: what an auditor is handed, as a file."""

import json
import os
from argparse import ArgumentParser, _SubParsersAction
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from passmuster_collectors.contract import codec
from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event
from passmuster_server.commands import Command, CommandError
from passmuster_server.evidence.gathering import LONGEST, Evidence, gather
from passmuster_server.evidence.measures import measures
from passmuster_server.fleet.history_commands import LAST, moment
from passmuster_server.policy.service import Policies
from passmuster_server.policy.standings import Standings
from passmuster_server.schema import DEFAULT_ORGANISATION

FORMS = (".pdf", ".json")


def add_commands(parsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Register it."""
    parser = parsers.add_parser("evidence", help="write the figures and controls of a period")
    parser.add_argument("file", type=Path, help="to write: ends with .pdf or .json")
    parser.add_argument("--since", metavar="TIME", default="", help="default: 30 days before")
    parser.add_argument("--until", metavar="TIME", default="", help="not included; default: now")
    parser.set_defaults(run=write)


def write(command: Command) -> int:
    """Write the file; that it was handed out goes on record."""
    arguments, now = command.arguments, command.clock()
    until = moment("--until", arguments.until) if arguments.until else now
    since = moment("--since", arguments.since) if arguments.since else until - LAST
    if not since < until or until - since > LONGEST:
        raise CommandError(f"--since: expected a time up to {LONGEST.days} days before --until")
    form = arguments.file.suffix.lower()
    if form not in FORMS:
        raise CommandError(f"file: expected a name that ends with {' or '.join(FORMS)}")
    policies = Policies(command.database, Standings(), command.clock)

    def read(connection: Connection) -> Evidence:
        standings = policies.load(connection)
        return gather(connection, DEFAULT_ORGANISATION, standings, since, until, now)

    found = command.database.read_now(read)
    content = as_pdf(found) if form == ".pdf" else as_json(found)
    command.change(
        lambda _: None,
        lambda _: Event(Action.AUDIT_EXPORTED, details={"format": f"evidence{form}"}),
    )
    try:
        with os.fdopen(
            os.open(arguments.file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb"
        ) as file:
            file.write(content)
    except OSError as error:
        raise CommandError(f"file: {arguments.file}: {error.strerror}") from None
    print(f"{arguments.file}: {len(content):,} bytes.")
    if found.chain.problem:
        raise CommandError(f"the audit record does not hold: {found.chain.problem}")
    return 0


def as_pdf(evidence: Evidence) -> bytes:
    """Return it for people."""
    from passmuster_server.evidence.printing import pdf  # noqa: PLC0415 - most commands print none

    return pdf(evidence)


def as_json(evidence: Evidence) -> bytes:
    """Return it for programs, with the controls."""
    plain: dict[str, Any] = dict(codec.encode(evidence))
    plain["measures"] = [codec.encode(each) for each in measures()]
    return json.dumps(plain, indent=2, ensure_ascii=False).encode() + b"\n"
