"""An entry of the audit record as plain values: for JSON, CSV and the page."""

import json
from collections.abc import Mapping
from typing import Any

from passmuster_collectors.contract import codec
from passmuster_server.audit.record import Entry

COLUMNS = ("number", "at", "action", "actor", "person", "subject", "details", "entry_hash")


def plain(entry: Entry) -> Mapping[str, Any]:
    """Return the entry as JSON values; `details` is null where it was erased."""
    return {
        "number": entry.number,
        "at": codec.format_time(entry.at),
        "action": entry.action,
        "actor": entry.actor,
        "person": entry.person,
        "subject": entry.subject,
        "details": entry.details,
        "entry_hash": entry.entry_hash,
    }


def cells(entry: Entry) -> tuple[str, ...]:
    """Return the entry as cells of a table, in the order of `COLUMNS`.

    A spreadsheet takes a text that begins like a formula for one
    (https://owasp.org/www-community/attacks/CSV_Injection): it gets an apostrophe in front.
    """
    values = plain(entry)
    return tuple(_cell(values[name]) for name in COLUMNS)


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        text = json.dumps(value, ensure_ascii=False, sort_keys=True) if value else ""
    else:
        text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
