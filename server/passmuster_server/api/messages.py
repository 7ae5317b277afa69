"""What the API takes and answers. The OpenAPI document is made from these types."""

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.reading import SourceOutcome, Status
from passmuster_collectors.contract.verdict import Outcome
from passmuster_server.fleet.index import PAGE_SIZE, Group
from passmuster_server.policy.demands import JUDGED
from passmuster_server.policy.standing import DeviceStatus
from passmuster_server.policy.waivers import LONGEST, MAX_REASON

MOST = 200
"""Entries of one page."""

_ONE_LINE = r"^[^\x00-\x1f\x7f]*$"

DeviceId = Annotated[str, Meta(pattern="^[0-9a-f]{32}$", description="The device's id.")]
Search = Annotated[str, Meta(max_length=128, pattern=_ONE_LINE)]
InGroup = Annotated[
    str, Meta(max_length=32, pattern=_ONE_LINE, description="Only devices of the group's id.")
]
Limit = Annotated[int, Meta(ge=1, le=MOST, description="How many entries at most.")]


class Nothing(Struct, forbid_unknown_fields=True):
    """No parameter."""


class DevicePath(Struct):
    """Which device."""

    device: DeviceId


class WaiverPath(DevicePath):
    """Which waiver of which device."""

    waiver: Annotated[str, Meta(pattern="^[0-9a-f]{12}$", description="The waiver's id.")]


class DevicesQuery(Struct, forbid_unknown_fields=True):
    """Which devices are asked for."""

    verdict: Annotated[Group, Meta(description="Only devices of this verdict.")] | UnsetType = UNSET
    group: InGroup | UnsetType = UNSET
    search: (
        Annotated[
            Search,
            Meta(description="In the owner's address or the computer's name; or a fingerprint."),
        ]
        | UnsetType
    ) = UNSET
    after: (
        Annotated[
            str,
            Meta(
                max_length=1_024,
                pattern="^[A-Za-z0-9_-]*$",
                description="The place after which the page begins, as `next` has it.",
            ),
        ]
        | UnsetType
    ) = UNSET
    limit: Limit = PAGE_SIZE


class AuditQuery(Struct, forbid_unknown_fields=True):
    """Which entries of the audit record are asked for."""

    search: (
        Annotated[Search, Meta(description="In the action, the actor, the person or the subject.")]
        | UnsetType
    ) = UNSET
    before: (
        Annotated[int, Meta(ge=1, le=2**53 - 1, description="Only entries before this number.")]
        | UnsetType
    ) = UNSET
    limit: Limit = PAGE_SIZE


class NewWaiver(Struct, forbid_unknown_fields=True):
    """That a signal shuts this device out no more, for so many days from now."""

    signal: Annotated[
        str, Meta(max_length=64, extra_json_schema={"enum": [each.id for each in JUDGED]})
    ]
    reason: Annotated[
        str,
        Meta(min_length=1, max_length=MAX_REASON, description="One line, kept on record."),
    ]
    days: Annotated[int, Meta(ge=1, le=LONGEST.days)]


class NewStatus(Struct, forbid_unknown_fields=True):
    """As what a device is taken out of service. A lost one alone can come back."""

    status: Literal["lost", "retired", "revoked"]


class DeviceSummary(Struct):
    """One device in a list.

    `verdict` is what counts now, `finding` the worst finding in a sentence, `since` when that
    began. `group` is the id of its group.
    """

    id: str
    owner: str
    computer_name: str
    platform: Platform
    system: str
    agent_version: str
    ownership: str
    group: str
    group_name: str
    status: DeviceStatus
    verdict: Group
    finding: str
    since: datetime | None
    last_seen: datetime | None
    grace_until: datetime | None
    policy_version: int


class DeviceList(Struct):
    """One page of the fleet, the worst first; `next` is the address of the following one.

    `counts` has how many devices there are of each verdict, whichever of them was asked for.
    """

    devices: list[DeviceSummary]
    counts: dict[Group, int]
    next: str | None


class Remedy(Struct):
    """The steps that mend it, and the deep link of the system's settings page."""

    steps: list[str]
    link: str | None


class Reason(Struct):
    """One finding: in words to the worker, in words to IT, and how to mend it."""

    outcome: Outcome
    worker: str
    admin: str
    remedy: Remedy | None


class Source(Struct):
    """One place that was asked, and how it answered."""

    name: str
    outcome: SourceOutcome
    detail: str


class Reading(Struct):
    """What a signal found on the laptop; `facts` are that signal's own."""

    status: Status
    reason: str
    facts: dict[str, Any] | None
    sources: list[Source]
    collected_at: datetime
    changed_at: datetime


class Signal(Struct):
    """One signal: how it was judged (null: not yet), and what was read.

    Only what is `blocking` can shut the gate. `waived_until` and `allowed_until` are there where a
    waiver or an allowance lets it pass.
    """

    id: str
    title: str
    outcome: Outcome | None
    blocking: bool
    failing_since: datetime | None
    waived_until: datetime | None
    allowed_until: datetime | None
    reasons: list[Reason]
    reading: Reading | None


class Waiver(Struct):
    """A waiver in force: the signal shuts this device out again when it expires."""

    id: str
    signal: str
    reason: str
    granted_by: str
    granted_at: datetime
    expires_at: datetime


class FreshReport(Struct):
    """A report of everything, read anew, that was asked for; `came_at` is null until it came."""

    asked_at: datetime
    told_at: datetime | None
    came_at: datetime | None


class Device(DeviceSummary):
    """One device in full. `fresh_report` is null where none was asked for."""

    key_tier: str
    fingerprint: str
    enrolled_at: datetime
    signals: list[Signal]
    waivers: list[Waiver]
    fresh_report: FreshReport | None


class AuditEntry(Struct):
    """One entry of the audit record. `details` is null where a person was erased."""

    number: int
    at: datetime
    action: str
    actor: str
    person: str
    subject: str
    details: dict[str, Any] | None
    entry_hash: str


class AuditPage(Struct):
    """One page of the record, the newest entry first; `next` is the address of the next one."""

    entries: list[AuditEntry]
    next: str | None


class DecisionPath(Struct):
    """Which decision."""

    decision: Annotated[
        str, Meta(pattern="^[A-Za-z0-9_-]{1,64}$", description="As the gate's answer names it.")
    ]


class SignedReport(Struct):
    """A report as it was received: which signals it changed last, the SHA-256 of what was signed.

    `authentic`: it is signed by a key that the device had.
    """

    received_at: datetime
    signals: list[str]
    authentic: bool
    digest: str


class DecisiveDevice(Struct):
    """A device that a decision rested on: as that recorded it, and the reports behind it."""

    device: str
    computer_name: str | None
    basis: dict[str, Any]
    reports: list[SignedReport]


class Decision(Struct):
    """One decision of the gate; `cause` is set where no device was to blame."""

    id: str
    decided_at: datetime
    asked_by: str
    person: str
    application: str
    proof: str
    allowed: bool
    cause: str
    policy_version: int
    devices: list[DecisiveDevice]


class Problem(Struct):
    """Why a request was refused (RFC 9457); `code` is for programs, `field` what is wrong."""

    title: str
    status: int
    code: str
    detail: str
    field: str
