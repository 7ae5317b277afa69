"""What the API takes and answers about callers: programs that ask the gate or the API."""

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType, field

from passmuster_server.api.enrolment_messages import GroupId
from passmuster_server.gate.callers import ASK, SCOPES
from passmuster_server.gate.registration import MAX_NAME, MAX_VALUE

Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME, description="One line.")]
Value = Annotated[str, Meta(min_length=1, max_length=MAX_VALUE)]
# An empty one would be stored as none at all: the caller would not be confined.
Values = Annotated[list[Value], Meta(min_length=1, max_length=100)]


class NewCaller(Struct, forbid_unknown_fields=True):
    """What asks, what it may do, and to what it is confined; a list left out: not confined.

    `oauth`: it gets an id and a secret for tokens of 15 minutes, in place of a token that lasts.
    `people` are addresses, or `*@` and a domain; `hosts` those of applications behind a proxy.
    """

    name: Name
    scopes: Annotated[list[str], Meta(min_length=1, max_length=len(SCOPES))] = field(
        default_factory=lambda: [ASK]
    )
    oauth: bool = False
    applications: Values | UnsetType = UNSET
    people: Values | UnsetType = UNSET
    groups: Annotated[list[GroupId], Meta(min_length=1, max_length=100)] | UnsetType = UNSET
    hosts: Values | UnsetType = UNSET


class ShownCaller(Struct):
    """The credentials, told this once: a `token`, or a `client` id with its `secret`."""

    name: str
    token: str | None
    client: str | None
    secret: str | None


class Caller(Struct):
    """A caller, without its credentials. A list that is null: it is not confined to any."""

    name: str
    scopes: list[str]
    oauth: bool
    created_at: datetime
    applications: list[str] | None
    people: list[str] | None
    groups: list[str] | None
    hosts: list[str]
    push_addresses: list[str]


class CallerList(Struct):
    """One page of the callers, by name."""

    callers: list[Caller]
    next: str | None


class CallerToRevoke(Struct, forbid_unknown_fields=True):
    """Whose credentials are to be good no more."""

    name: Name
