"""What the API answers about the fleet as a whole: how it develops, and evidence of a period."""

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.api.history_messages import Moment, PastVerdict
from passmuster_server.api.messages import InGroup
from passmuster_server.console.trends import Days


class TrendsQuery(Struct, forbid_unknown_fields=True):
    """Of how many days, and of which group."""

    days: Days = Days.MONTH
    group: InGroup | UnsetType = UNSET


class SignalNow(Struct):
    """How a signal is judged on how many devices now; `blocking` of them are kept out by it."""

    signal: str
    title: str
    passing: int
    failing: int
    unknown: int
    blocking: int


class SilentDevice(Struct):
    """A device whose last report is too old to count."""

    device: str
    owner: str
    computer_name: str
    last_seen: datetime | None


class Trends(Struct):
    """How many devices had which verdict at each of the `moments`; the rest is as of `at`.

    `worst` had the verdict non_compliant for longest within the period. `silent_number` counts all
    of those of which `silent` are the first.
    """

    at: datetime
    moments: list[datetime]
    verdicts: dict[Verdict, list[int]]
    signals: list[SignalNow]
    worst: list[PastVerdict]
    silent: list[SilentDevice]
    silent_number: int


class EvidenceQuery(Struct, forbid_unknown_fields=True):
    """From when until when: by default the last 90 days; 400 at most."""

    since: Moment | UnsetType = UNSET
    until: Moment | UnsetType = UNSET


class EvidenceOutcomes(Struct):
    """How many devices pass a signal now, and how many do not; `excepted` by a waiver."""

    passed: int
    failed: int
    unknown: int
    excepted: int
    not_applicable: int


class EvidencePolicy(Struct):
    """A version of the policy that was in force at some time of the period."""

    version: int
    published_at: datetime
    published_by: str


class EvidenceChain(Struct):
    """What following the audit record to its end found. `problem` is empty where it holds."""

    entries: int
    erased: int
    head: str
    problem: str


class Evidence(Struct):
    """The figures of a period: of devices and deeds in number, of no person by name.

    `seconds` are those that devices in service had each verdict, all together; `by_status`,
    `by_verdict` and `signals` are as of `made_at`.
    """

    organisation: str
    since: datetime
    until: datetime
    made_at: datetime
    by_status: dict[str, int]
    by_verdict: dict[str, int]
    signals: dict[str, EvidenceOutcomes]
    seconds: dict[str, int]
    let_in: int
    refused: int
    policies: list[EvidencePolicy]
    waivers_granted: int
    waivers_in_force: int
    deeds: Annotated[dict[str, int], Meta(description="Entries of the audit record by action.")]
    chain: EvidenceChain
