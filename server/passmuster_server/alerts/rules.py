"""Which changes a rule tells of, and where to."""

from datetime import datetime
from enum import IntEnum, StrEnum

import msgspec
from sqlalchemy import Connection, delete, select

from passmuster_server.alerts.tables import alert_outbox, alert_rules
from passmuster_server.audit.tables import audit_heads
from passmuster_server.database import Transaction
from passmuster_server.engines import run
from passmuster_server.schema import to_microseconds

PER_HOUR = 20
"""Messages of one rule in an hour; what else there is comes as one digest when it is over."""

_ANY_RULE = "SELECT 1 FROM alert_rules WHERE organisation_id = ? LIMIT 1"
"""Hand-written: it is asked with every verdict that changes."""


class Kind(StrEnum):
    """What has happened."""

    SHUT_OUT = "shut_out"
    GRACE = "grace"
    IN_ORDER = "in_order"
    SILENT = "silent"
    ENROLLED = "enrolled"
    WAITING = "waiting"
    OUT_OF_SERVICE = "out_of_service"
    LOST_AND_HEARD = "lost_and_heard"
    CONFLICT = "conflict"
    KEY_WEAKENED = "key_weakened"
    SUSPICIOUS_USB = "suspicious_usb"
    POLICY_PUBLISHED = "policy_published"
    BREAK_GLASS = "break_glass"
    ADMINISTRATORS = "administrators"
    CREDENTIALS = "credentials"
    SIGN_IN_BLOCKED = "sign_in_blocked"
    ALERTS_CHANGED = "alerts_changed"


class Severity(IntEnum):
    """How much it matters."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3


ASKED_FOR = frozenset({Kind.SILENT, Kind.ENROLLED})
"""What a rule tells of only where it names it: each laptop falls silent every evening, and a
roll-out enrols all of them."""


_LINES = {
    Kind.SHUT_OUT: "Laptop{} is shut out",
    Kind.GRACE: "Laptop{} has time to be put right",
    Kind.IN_ORDER: "Laptop{} is in order again",
    Kind.SILENT: "Laptop{} has fallen silent",
    Kind.ENROLLED: "Laptop{} was enrolled",
    Kind.WAITING: "Laptop{} waits for approval",
    Kind.OUT_OF_SERVICE: "Laptop{} was taken out of service",
    Kind.LOST_AND_HEARD: "Laptop{} was reported lost, and reports",
    Kind.CONFLICT: "Laptop{} is in conflict: two laptops use its key",
    Kind.KEY_WEAKENED: "Laptop{} keeps its key in a weaker place than before",
    Kind.SUSPICIOUS_USB: "Laptop{} has a USB device with a sign of an attack",
    Kind.POLICY_PUBLISHED: "A policy was published",
    Kind.BREAK_GLASS: "A break-glass code was made or used",
    Kind.ADMINISTRATORS: "An administrator was made or changed",
    Kind.CREDENTIALS: "An administrator's passkeys or password were changed",
    Kind.SIGN_IN_BLOCKED: "An administrator's sign-in is blocked after too many tries",
    Kind.ALERTS_CHANGED: "An alert was added or removed",
}


def title_of(kind: Kind) -> str:
    """Return what has happened in words, whatever it happened to."""
    return _LINES[kind].format("")


class Mail(msgspec.Struct, frozen=True, tag="email"):
    """By SMTP. `security` is `tls` (from the first byte), `starttls` or `none`.

    The password is in a file of the server's, or here where it came from a page or a program.
    """

    to: str
    sender: str
    host: str
    port: int
    security: str
    user: str = ""
    password_file: str = ""
    password: str = ""


class Hook(msgspec.Struct, frozen=True, tag="webhook"):
    """As JSON signed by Standard Webhooks."""

    url: str
    secret: str


class Slack(msgspec.Struct, frozen=True, tag="slack"):
    """As `{"text": ...}` to an address, in a file or here: whoever has it may post."""

    url_file: str = ""
    url: str = ""


class Syslog(msgspec.Struct, frozen=True, tag="syslog"):
    """As CEF in syslog. `transport` is `tls`, `tcp` or `udp`; `authorities` PEM, else the system's.

    Nothing is acknowledged: what the network has taken counts as sent.
    """

    host: str
    port: int
    transport: str
    authorities: str = ""


Channel = Mail | Hook | Slack | Syslog


class Rule(msgspec.Struct, frozen=True):
    """One rule. Without kinds it tells of each but `ASKED_FOR`, without a group (its id) of all."""

    name: str
    channel: Channel
    kinds: tuple[Kind, ...] = ()
    group: str | None = None
    least: Severity = Severity.LOW
    per_hour: int = PER_HOUR

    def wants(self, alert: "Alert", group: str) -> bool:
        """Return whether the rule tells of it."""
        return (
            alert.severity >= self.least
            and (alert.kind in self.kinds if self.kinds else alert.kind not in ASKED_FOR)
            and (self.group is None or self.group == group)
        )


class Alert(msgspec.Struct, frozen=True):
    """One thing that has happened, to a laptop where `device` names it.

    `signals` are those that shut its gate; `entry` is its number in the audit record, if it is
    there.
    """

    device: str
    kind: Kind
    severity: Severity
    signals: tuple[str, ...]
    at: int
    entry: int = 0

    @property
    def title(self) -> str:
        """What has happened, whatever it happened to."""
        return title_of(self.kind)

    @property
    def line(self) -> str:
        """The change in one line, without a link."""
        because = f": {', '.join(self.signals)}" if self.signals else ""
        told = _LINES[self.kind].format(f" {self.device}" if self.device else "")
        return f"{told} ({self.severity.name.lower()}){because}"

    def link(self, public_url: str) -> str:
        """Return where it can be looked at."""
        if self.device:
            return f"{public_url}/fleet/devices/{self.device}"
        return f"{public_url}/audit?before={self.entry + 1}"


def has_rules(transaction: Transaction, organisation: str) -> bool:
    """Return whether the organisation has any rule."""
    return transaction.run(_ANY_RULE, (organisation,)).fetchone() is not None


def rules_of(
    connection: Connection, organisation: str, made_before: datetime | None = None
) -> list[Rule]:
    """Return the organisation's rules by name, or those made before a moment."""
    statement = (
        select(alert_rules.c.rule)
        .where(alert_rules.c.organisation_id == organisation)
        .order_by(alert_rules.c.name)
    )
    if made_before is not None:
        statement = statement.where(alert_rules.c.created_at < made_before)
    found = connection.execute(statement).scalars()
    return [msgspec.json.decode(rule, type=Rule) for rule in found]


def add_rule(connection: Connection, organisation: str, rule: Rule, now: datetime) -> bool:
    """Store a rule; return False where there is one of that name."""
    known = rules_of(connection, organisation)
    if any(each.name == rule.name for each in known):
        return False
    added = run(
        connection,
        "INSERT INTO alert_rules (organisation_id, name, rule, created_at, sent, failures) "
        "VALUES (?, ?, ?, ?, 0, 0) ON CONFLICT DO NOTHING",
        (organisation, rule.name, msgspec.json.encode(rule).decode(), to_microseconds(now)),
    ).rowcount
    if added and not known:
        _begin_here(connection, organisation)
    return bool(added)


def _begin_here(connection: Connection, organisation: str) -> None:
    """Let what is on record by now be no alert to anybody."""
    number = connection.execute(
        select(audit_heads.c.number).where(audit_heads.c.organisation_id == organisation)
    ).scalar()
    run(
        connection,
        "INSERT INTO alert_places (organisation_id, number) VALUES (?, ?) "
        "ON CONFLICT (organisation_id) DO UPDATE SET number = excluded.number",
        (organisation, number or 0),
    )


def remove_rule(connection: Connection, organisation: str, name: str) -> bool:
    """Delete a rule with what waits in it; return whether there was one."""
    own = (alert_rules.c.organisation_id == organisation, alert_rules.c.name == name)
    # First, as whoever sends for it does; whoever writes an alert for it waits for this, or this
    # for them.
    if connection.execute(select(alert_rules.c.name).where(*own).with_for_update()).first() is None:
        return False
    connection.execute(
        delete(alert_outbox).where(
            alert_outbox.c.organisation_id == organisation, alert_outbox.c.name == name
        )
    )
    connection.execute(delete(alert_rules).where(*own))
    return True
