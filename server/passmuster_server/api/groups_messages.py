"""What the API takes and answers about groups, their administrators and their devices."""

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from passmuster_server.accounts.roles import Role
from passmuster_server.api.enrolment_messages import GroupId
from passmuster_server.devices.groups import MAX_DOMAINS, MAX_NAME, GroupKind, Ownership

Email = Annotated[str, Meta(min_length=3, max_length=254, description="The person's address.")]


class GroupPath(Struct):
    """Which group."""

    group: GroupId


class NewGroup(Struct, forbid_unknown_fields=True):
    """A group for a team, or for an outsourced company."""

    name: Annotated[str, Meta(min_length=1, max_length=MAX_NAME, description="One line.")]
    kind: GroupKind = GroupKind.INTERNAL
    owner_domains: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=121)]],
        Meta(
            max_length=MAX_DOMAINS,
            description="Of the people whom the group's own administrators may enrol.",
        ),
    ] = []


class FleetGroup(Struct):
    """One group, and how many devices are in it, whatever their status."""

    id: str
    name: str
    kind: GroupKind
    created_at: datetime
    devices: int
    owner_domains: list[str]


class GroupList(Struct):
    """One page of the groups by name."""

    groups: list[FleetGroup]
    next: str | None


class Placement(Struct, forbid_unknown_fields=True):
    """Which group a device is in, and whose property it is; what is left out stays as it is."""

    group: GroupId | UnsetType = UNSET
    ownership: Ownership | UnsetType = UNSET


class NewAdministrator(Struct, forbid_unknown_fields=True):
    """Who will see this group alone, and may do what the role says within it."""

    email: Email
    role: Role = Role.VIEWER


class Administrator(Struct):
    """One administrator of the group."""

    email: str
    role: Role
    created_at: datetime
    disabled_at: datetime | None


class AdministratorList(Struct):
    """One page of the administrators by address."""

    administrators: list[Administrator]
    next: str | None


class SignInLink(Struct):
    """A link by which the administrator signs in once: it is told this once."""

    email: str
    link: str
    expires_at: datetime


class AdministratorChange(Struct, forbid_unknown_fields=True):
    """What an administrator may do from now on, or whether at all."""

    email: Email
    role: Role | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET


class WhoSignsIn(Struct, forbid_unknown_fields=True):
    """For whom a new link is."""

    email: Email
