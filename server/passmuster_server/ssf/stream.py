"""One event stream: what its receiver says of it, and how it stands."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Row

from passmuster_server.ssf.events import SUPPORTED
from passmuster_server.ssf.subjects import SubjectFormat


class Method(StrEnum):
    """How events reach the receiver (SSF 1.0, section 6.1)."""

    PUSH = "urn:ietf:rfc:8935"
    POLL = "urn:ietf:rfc:8936"
    WEBHOOK = "webhook"
    """No method of SSF: `webhooks`. Administrators alone make them."""


class Status(StrEnum):
    """Section 8.1.2.1: a paused stream holds its events, a disabled one has none."""

    ENABLED = "enabled"
    PAUSED = "paused"
    DISABLED = "disabled"


@dataclass(frozen=True)
class Settings:
    """What the receiver says about a stream."""

    method: Method
    endpoint_url: str | None
    credential: str | None
    events_requested: tuple[str, ...] | None
    subject_format: SubjectFormat
    description: str | None


@dataclass(frozen=True)
class Stream:
    """One stream. `client` is the receiver, whose id is also the audience of its events."""

    organisation: str
    stream: str
    client: str
    settings: Settings
    status: Status
    reason: str | None
    verification_at: datetime | None
    failures: int

    @property
    def events_delivered(self) -> tuple[str, ...]:
        """The events that are sent: those of ours that were requested, all when none were."""
        requested = self.settings.events_requested
        return SUPPORTED if requested is None else tuple(e for e in SUPPORTED if e in requested)


def stream_of(row: Row[Any]) -> Stream:
    """Return the stream in a row of `ssf_streams`."""
    requested = row.events_requested
    return Stream(
        row.organisation_id,
        row.stream_id,
        row.client_id,
        Settings(
            Method(row.method),
            row.endpoint_url,
            row.credential,
            None if requested is None else tuple(msgspec.json.decode(requested)),
            SubjectFormat(row.subject_format),
            row.description,
        ),
        Status(row.status),
        row.reason,
        row.verification_at,
        row.failures,
    )
