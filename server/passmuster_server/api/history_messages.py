"""What the API takes and answers about the past: verdicts, and what one rests on."""

from datetime import datetime
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType, field

from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.api.messages import InGroup, Limit, Search
from passmuster_server.api.pages import After
from passmuster_server.fleet.index import PAGE_SIZE

Moment = Annotated[
    str,
    Meta(
        max_length=32,
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?"
        r"(Z|[+-][0-9]{2}:[0-9]{2})$",
        description="With its zone, such as 2026-02-01T09:30:00Z.",
        extra_json_schema={"format": "date-time"},
    ),
]
"""A text: what is read leniently, as parameters are, would take a number for a time."""


class PeriodQuery(Struct, forbid_unknown_fields=True):
    """Which verdict, from when until when: by default the last 30 days."""

    since: Moment | UnsetType = UNSET
    until: Moment | UnsetType = UNSET
    verdict: Verdict = Verdict.NON_COMPLIANT
    owner: Annotated[Search, Meta(description="Of this person alone.")] | UnsetType = UNSET
    group: InGroup | UnsetType = UNSET


class HistoryQuery(PeriodQuery, forbid_unknown_fields=True):
    """The same, one page of devices."""

    after: After | UnsetType = UNSET
    limit: Limit = PAGE_SIZE


class PastVerdict(Struct):
    """How often and for how many seconds a device had the verdict within the period.

    `first` is when that began, which may lie before it; `lasts`: it has it still.
    """

    device: str
    owner: str
    computer_name: str
    episodes: int
    seconds: float
    first: datetime
    lasts: bool


class History(Struct):
    """One page of the devices that had the verdict, the longest first."""

    since: datetime
    until: datetime
    verdict: Verdict
    devices: list[PastVerdict]
    next: str | None


class PastOfGroup(Struct):
    """How many devices of a group had the verdict within the period; `seconds` of all together."""

    group: str
    group_name: str
    devices: int
    seconds: float


class GroupHistory(Struct):
    """The groups of which devices had the verdict, the longest first."""

    since: datetime
    until: datetime
    verdict: Verdict
    groups: list[PastOfGroup]


class VerdictChange(Struct):
    """When a device's verdict became this one, by which policy, and IT's reasons."""

    since: datetime
    verdict: Verdict
    policy_version: int
    reasons: list[str]


class SignalChange(Struct):
    """When the server heard that a signal reads otherwise; the newest is the reading there is."""

    received_at: datetime
    signal: str
    reading: dict[str, Any] | None


class DeviceHistory(Struct):
    """The newest 50 changes of each kind, the last one first."""

    verdicts: list[VerdictChange]
    signals: list[SignalChange]


class Explanation(Struct):
    """What a device's verdict rests on: per signal the rule, the table it stands in, the reading.

    `verdict` and what follows from it are null before the first one.
    """

    device: str
    owner: str
    computer_name: str
    status: str
    platform: str
    group: str
    ownership: str
    key_tier: str
    report_sequence: int
    last_seen: datetime | None = None
    verdict: Verdict | None = None
    since: datetime | None = None
    judged_at: datetime | None = None
    policy_version: int | None = None
    grace_until: datetime | None = None
    max_age_s: int | None = None
    signals: list[dict[str, Any]] = field(default_factory=list)
