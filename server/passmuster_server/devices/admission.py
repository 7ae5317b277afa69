"""Who is let in, and the words for the record: codes, deployment secrets, approvals.

What a command, the console and a program each do is done here, by whoever `by` names.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection

from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event
from passmuster_server.devices import deployment_secrets, in_service, one_time_codes
from passmuster_server.devices.deployment_secrets import NewSecret
from passmuster_server.devices.groups import Ownership, owner_domains_of
from passmuster_server.policy.standing import DeviceStatus
from passmuster_server.policy.standings import Standings

_GONE = frozenset({DeviceStatus.REVOKED, DeviceStatus.RETIRED})


_OTHER_GROUPS = "The person has a laptop in another group: the organisation's own IT decides."
_OTHER_PEOPLE = "Of this domain the organisation's own IT lets people in, not the group by itself."


class NotYoursError(Exception):
    """A person about whom a group alone may not decide; the message is for whoever tried."""


def issue_code(
    connection: Connection,
    organisation: str,
    owner: str,
    by: str,
    now: datetime,
    *,
    replaces: str | None = None,
    group: str | None = None,
    ownership: Ownership | None = None,
) -> tuple[str, Event]:
    """Return a new code, which is not kept, and what goes on record; `group` is a group's name.

    Raises `OwnerError`, `ReplacedDeviceError` and `GroupError`.
    """
    code = one_time_codes.create_code(
        connection, organisation, owner, now, replaces, group=group, ownership=ownership
    )
    details = {"group": group or "", "ownership": ownership or ""}
    return code, Event(Action.ENROLMENT_CODE_CREATED, by, replaces or "", owner.strip(), details)


def issue_secret(
    connection: Connection, organisation: str, new: NewSecret, by: str, now: datetime
) -> tuple[str, Event]:
    """Return a new deployment secret, which is not kept, and what goes on record.

    Raises `SecretError` and `GroupError`.
    """
    secret = deployment_secrets.create_secret(connection, organisation, new, now)
    details = {
        "uses": new.uses,
        "days": new.lasts.days,
        "at_once": new.at_once,
        "owner_domain": new.owner_domain or "",
        "group": new.group or "",
        "ownership": new.ownership or "",
    }
    event = Event(Action.DEPLOYMENT_SECRET_CREATED, by, new.name.strip(), details=details)
    return secret, event


def revoke_secret(
    connection: Connection, organisation: str, name: str, by: str, now: datetime
) -> Event:
    """Let no more laptops in by a secret; return what goes on record. Raises `SecretError`."""
    deployment_secrets.revoke_secret(connection, organisation, name, now)
    return Event(Action.DEPLOYMENT_SECRET_REVOKED, by, name.strip())


def approve(connection: Connection, organisation: str, device: str, by: str) -> Event:
    """Put a device in service that waits; return what goes on record. Raises `NotPendingError`."""
    owner = in_service.approve(connection, organisation, device)
    return Event(Action.DEVICE_APPROVED, by, subject=device, person=owner)


def check_owner(
    connection: Connection,
    standings: Standings,
    organisation: str,
    owner: str,
    groups: Collection[str] | None,
) -> None:
    """Raise `NotYoursError` for a person about whom these groups (their ids) may not decide.

    Whoever decides for groups alone (None: for all) gives laptops to people of the domains that the
    groups were given, and to nobody who has a laptop outside of them: the gate looks at all laptops
    of a person, so one more would open, or shut, what is not the group's.
    """
    if groups is None:
        return
    check_domain(connection, organisation, owner.strip().rpartition("@")[2], groups)
    if any(
        each.group not in groups and each.status not in _GONE
        for each in standings.of_owner(organisation, owner.strip())
    ):
        raise NotYoursError(_OTHER_GROUPS)


def check_domain(
    connection: Connection, organisation: str, domain: str | None, groups: Collection[str] | None
) -> None:
    """Raise `NotYoursError` where these groups may not enrol people of that domain, or of any."""
    if groups is None:
        return
    folded = domain.strip().removeprefix("@").casefold() if domain else ""
    if folded not in owner_domains_of(connection, organisation, groups):
        raise NotYoursError(_OTHER_PEOPLE)
