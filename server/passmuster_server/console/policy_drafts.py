"""A document that somebody wants to publish: what it would change, or what is wrong with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from passmuster_server.console.policy_view import (
    DiffLine,
    Effect,
    Mistake,
    difference,
    effects_of,
    mistake_of,
)
from passmuster_server.policy import publishing, store
from passmuster_server.policy.document import DocumentError
from passmuster_server.policy.simulation import simulate

MAX_VERSIONS = 100


@dataclass(frozen=True)
class Draft:
    """A document that was looked at: either its `mistake`, or the difference and the effects.

    It was made from version `base`; `again` is the version that it puts in force again, if it does.
    `devices` are those that the effects are about.
    """

    document: str
    base: int
    again: int | None = None
    mistake: Mistake | None = None
    diff: tuple[DiffLine, ...] = ()
    effects: tuple[Effect, ...] = ()
    devices: int = 0


def look_at(
    connection: Connection,
    organisation: str,
    document: str,
    base: int,
    again: int | None,
    now: datetime,
) -> Draft:
    """Return what is to be said of a document. Judges every device of the organisation."""
    in_force, _ = state(connection, organisation)
    try:
        policy = publishing.checked(connection, organisation, document)
    except DocumentError as error:
        return Draft(document, base, again, mistake_of(error, document))
    simulation = simulate(connection, organisation, policy, now)
    return Draft(
        document,
        base,
        again,
        None,
        tuple(difference(in_force.document if in_force is not None else "", document)),
        effects_of(simulation),
        simulation.devices,
    )


def state(connection: Connection, organisation: str) -> tuple[Row[Any] | None, Sequence[Row[Any]]]:
    """Return the version in force, None before the first one, and the newest versions."""
    newest = store.newest_version(connection, organisation)
    return (
        store.find_policy(connection, organisation, newest),
        store.versions(connection, organisation, MAX_VERSIONS),
    )
