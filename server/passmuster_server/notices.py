"""What servers on one PostgreSQL tell each other, in the commit that it is about (NOTIFY).

PostgreSQL delivers notices after that commit, in the order of commits, to whoever listens then:
https://www.postgresql.org/docs/current/sql-notify.html. SQLite has one server and needs none.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from passmuster_server.engines import POSTGRESQL, run

CHANNEL = "passmuster"
MAX_PAYLOAD = 7_500
"""Bytes; PostgreSQL takes less than 8,000."""

Device = tuple[str, str]
"""Organisation and device."""


@dataclass(frozen=True)
class Notice:
    """One notice. `by` is the server that moved them: itself it has no need to read them again.

    `moved`: the standings of these devices are stored anew. `changed`: a command changed this
    device (None: the policy) of this organisation, and it has to be judged.
    """

    moved: tuple[Device, ...] = ()
    changed: tuple[str, str | None] | None = None
    by: str = ""


def tell_moved(connection: Connection, devices: Sequence[Device], by: str = "") -> None:
    """Tell the other servers that these devices' standings are stored anew, and by which server."""
    if devices and connection.dialect.name == POSTGRESQL:
        for payload in _payloads(devices, by):
            run(connection, "SELECT pg_notify(?, ?)", (CHANNEL, payload))


def tell_changed(connection: Connection, organisation: str, device: str | None) -> None:
    """Tell every server that a command changed the device, or (None) the policy."""
    payload = json.dumps({"changed": [organisation, device]})
    run(connection, "SELECT pg_notify(?, ?)", (CHANNEL, payload))


def read(payload: str) -> Notice:
    """Return the notice. Raises `ValueError` for what no server of this version sends."""
    try:
        value = json.loads(payload)
        changed = value.get("changed")
        return Notice(
            tuple((organisation, device) for organisation, device in value.get("moved", ())),
            None if changed is None else (changed[0], changed[1]),
            str(value.get("by", "")),
        )
    except (AttributeError, IndexError, TypeError, ValueError):
        raise ValueError("not a notice of this version") from None


def _payloads(devices: Sequence[Device], by: str = "") -> Iterator[str]:
    part: list[Device] = []
    size = 0
    for device in devices:
        length = len(json.dumps(device)) + 2
        if part and size + length > MAX_PAYLOAD:
            yield json.dumps({"moved": part, "by": by})
            part, size = [], 0
        part.append(device)
        size += length
    if part:
        yield json.dumps({"moved": part, "by": by})
