"""What the API takes and answers about the policy."""

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.policy.document import MAX_DOCUMENT

MAX_BODY = 2 * MAX_DOCUMENT + 1_024
"""A document as JSON, its line ends and quotes escaped."""

MAX_TABLES = 16 * 1024
MAX_TABLES_BODY = 12 * MAX_TABLES + 1_024
"""Each letter as JSON may write the longest ones: as two escapes."""

Version = Annotated[int, Meta(ge=1, le=2**31 - 1, description="As `listPolicyVersions` has it.")]
Document = Annotated[
    str, Meta(max_length=MAX_DOCUMENT, description="TOML, as docs/policy.schema.json describes it.")
]


class VersionPath(Struct):
    """Which version."""

    version: Version


class PolicyDraft(Struct, forbid_unknown_fields=True):
    """A document to be tried."""

    document: Document


class NewPolicy(PolicyDraft, forbid_unknown_fields=True):
    """A document to be put in force, unless it would shut out more laptops than that."""

    shuts_out_at_most: Annotated[int, Meta(ge=0, le=10_000_000)] | UnsetType = UNSET


class Rollback(Struct, forbid_unknown_fields=True):
    """Which earlier version's document is put in force again."""

    version: Version


class GroupPolicyDraft(Struct, forbid_unknown_fields=True):
    """What shall be demanded of a group beside the policy for everybody; empty: nothing."""

    tables: Annotated[
        str,
        Meta(max_length=MAX_TABLES, description="TOML, as a policy's table of one group has it."),
    ]


class GroupPolicy(Struct):
    """What is demanded of a group; `version` is that of the policy that has it."""

    version: int
    tables: str


class PublishedPolicy(Struct):
    """The policy in force; `document` is the TOML as it was published."""

    version: int
    document: str
    published_at: datetime
    published_by: str


class PolicyVersion(Struct):
    """One version that was published."""

    version: int
    published_at: datetime
    published_by: str


class PolicyVersionList(Struct):
    """One page of the versions, the newest first."""

    versions: list[PolicyVersion]
    next: str | None


class MovedDevice(Struct):
    """A device whose verdict would change; `reasons` are those that it would then have."""

    device: str
    owner: str
    computer_name: str
    before: Verdict
    after: Verdict
    reasons: list[str]


class MovedDevices(Struct):
    """How many, and the first of them."""

    count: int
    devices: list[MovedDevice]


class PolicySimulation(Struct):
    """What the policy would do to the `devices` in service, as they last reported.

    `warned` are let in now and would be while their time to put something right lasts.
    """

    devices: int
    shut_out: MovedDevices
    warned: MovedDevices
    let_in: MovedDevices
