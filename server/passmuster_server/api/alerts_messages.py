"""What the API takes and answers about alerts."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from passmuster_server.alerts.asked import MAX_NAME, MOST_PER_HOUR, Way
from passmuster_server.alerts.rules import Kind
from passmuster_server.api.enrolment_messages import GroupId

Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME, description="The rule's name.")]
Badness = Literal["low", "medium", "high"]


class AlertPath(Struct):
    """Which rule."""

    alert: Name


class NewAlert(Way, forbid_unknown_fields=True, kw_only=True):
    """Who is told of what, and how: one of `email`, `webhook`, `slack_url` and `syslog` is given.

    Passwords and addresses that are secrets are kept, and told to nobody.
    """

    name: Name
    on: Annotated[
        tuple[Kind, ...],
        Meta(
            max_length=len(Kind),
            description="Of what; empty: of everything but silence and new laptops.",
        ),
    ] = ()
    group: GroupId | UnsetType = UNSET
    severity: Annotated[Badness, Meta(description="This one or worse.")] = "low"
    per_hour: Annotated[int, Meta(ge=1, le=MOST_PER_HOUR)] | UnsetType = UNSET


class AlertRule(Struct):
    """One rule, and how it does.

    `problem` is why the last message did not go out, empty where it did; `failures` how often in a
    row that was; `waiting` how many alerts have not gone out.
    """

    name: str
    channel: Literal["email", "webhook", "slack", "syslog"]
    by: str
    on: list[Kind]
    group: str | None
    severity: Badness
    per_hour: int
    created_at: datetime
    delivered_at: datetime | None
    failures: int
    problem: str
    waiting: int


class MadeAlert(AlertRule):
    """A new rule; the secret of a webhook's signatures is told this once."""

    secret: str | None


class AlertRuleList(Struct):
    """One page of the rules by name."""

    alerts: list[AlertRule]
    next: str | None


class AlertTest(Struct):
    """Whether a test message went, and why not."""

    sent: bool
    problem: str
