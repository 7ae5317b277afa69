"""What the API takes and answers about break-glass codes."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from passmuster_server.gate.break_glass import LONGEST, LONGEST_VALID, MAX_REASON

Person = Annotated[str, Meta(min_length=1, max_length=254, description="Whom it lets in.")]
Application = Annotated[str, Meta(min_length=1, max_length=128, description="Into what.")]


class NewBreakGlass(Struct, forbid_unknown_fields=True):
    """Whom a code lets into what, for how many minutes, and within how many hours it is used."""

    person: Person
    application: Application
    reason: Annotated[str, Meta(min_length=1, max_length=MAX_REASON, description="One line.")]
    minutes: Annotated[int, Meta(ge=1, le=int(LONGEST.total_seconds()) // 60)] = 60
    valid_hours: Annotated[int, Meta(ge=1, le=int(LONGEST_VALID.total_seconds()) // 3600)] = 24


class ShownBreakGlass(Struct):
    """The code: it is told this once."""

    code: str
    person: str
    application: str
    expires_at: datetime


class BreakGlassCode(Struct):
    """A code that was made. `expires_at` is when it was revoked, where it was."""

    person: str
    application: str
    minutes: int
    reason: str
    made_by: str
    made_at: datetime
    expires_at: datetime
    used_at: datetime | None


class BreakGlassList(Struct):
    """One page of the codes, the newest first."""

    codes: list[BreakGlassCode]
    next: str | None


class BreakGlassToRevoke(Struct, forbid_unknown_fields=True):
    """Whose codes for which application are to be good no more."""

    person: Person
    application: Application


class RevokedBreakGlass(Struct):
    """How many that were."""

    codes: int
