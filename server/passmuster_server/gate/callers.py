"""Callers of the gate: what each may do, and what it is confined to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

ASK = "gate"
SSF_READ = "ssf.read"
SSF_MANAGE = "ssf.manage"
FLEET_READ = "fleet.read"
FLEET_MANAGE = "fleet.manage"
AUDIT_READ = "audit.read"
ENROLMENT_MANAGE = "enrolment.manage"
POLICY_MANAGE = "policy.manage"
POLICY_TIGHTEN = "policy.tighten"
GROUPS_MANAGE = "groups.manage"
ALERTS_MANAGE = "alerts.manage"
PRIVACY_MANAGE = "privacy.manage"
CALLERS_MANAGE = "callers.manage"
ADMINISTRATORS_LIMIT = "administrators.limit"
BREAK_GLASS_MANAGE = "break-glass.manage"
OIDC_MANAGE = "oidc.manage"
WEBHOOKS_MANAGE = "webhooks.manage"
SCOPES = (
    ASK,
    SSF_READ,
    SSF_MANAGE,
    FLEET_READ,
    FLEET_MANAGE,
    AUDIT_READ,
    ENROLMENT_MANAGE,
    POLICY_MANAGE,
    POLICY_TIGHTEN,
    GROUPS_MANAGE,
    PRIVACY_MANAGE,
    ALERTS_MANAGE,
    CALLERS_MANAGE,
    ADMINISTRATORS_LIMIT,
    BREAK_GLASS_MANAGE,
    OIDC_MANAGE,
    WEBHOOKS_MANAGE,
)


@dataclass(frozen=True)
class Grants:
    """What a new client may do, and what it is confined to; nothing given: not confined."""

    scopes: tuple[str, ...] = ()
    applications: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    push_endpoints: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()

    def rows(self) -> list[tuple[str, str]]:
        """Return kind and value of each grant."""
        kinds = {
            "scope": self.scopes,
            "application": self.applications,
            "person": self.people,
            "group": self.groups,
            "push": self.push_endpoints,
            "host": tuple(host.lower() for host in self.hosts),
        }
        return [(kind, value) for kind, values in kinds.items() for value in dict.fromkeys(values)]


NOT_CONFINED = Grants()


@dataclass(frozen=True, slots=True)
class GateClient:
    """A caller that may ask for the people of its organisation.

    `applications`, `people` (addresses, or `*@domain`): None where it is not confined. `hosts` are
    those of the applications that it stands in front of, to which a browser may be sent back.
    """

    organisation: str
    client: str
    name: str
    token_hash: str
    scopes: frozenset[str] = frozenset({ASK})
    applications: frozenset[str] | None = None
    people: frozenset[str] | None = None
    groups: frozenset[str] | None = None
    push_endpoints: frozenset[str] = frozenset()
    secret_hash: str | None = None
    expires_at: datetime | None = None
    hosts: frozenset[str] = frozenset()

    def may_ask(self, person: str, application: str) -> str:
        """Return the name of what it may not ask about, or nothing where it may ask."""
        if self.applications is not None and application not in self.applications:
            return "resource.id"
        if self.people is None:
            return ""
        folded = person.casefold()
        local, _, domain = folded.rpartition("@")
        known = folded in self.people or (bool(local) and f"*@{domain}" in self.people)
        return "" if known else "subject.id"


@dataclass(frozen=True)
class Callers:
    """Every client that is not revoked: by what it is known as, and by its id."""

    by_token: Mapping[str, GateClient] = field(default_factory=dict)
    by_id: Mapping[str, GateClient] = field(default_factory=dict)
