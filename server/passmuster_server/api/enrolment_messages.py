"""What the API takes and answers about enrolment."""

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from passmuster_server.api.messages import DeviceId
from passmuster_server.devices import deployment_secrets
from passmuster_server.devices.groups import Ownership

Owner = Annotated[
    str, Meta(min_length=3, max_length=254, description="The e-mail address of one person.")
]
GroupId = Annotated[
    str, Meta(min_length=1, max_length=32, pattern="^[0-9a-z]+$", description="A group's id.")
]
SecretName = Annotated[
    str, Meta(min_length=1, max_length=deployment_secrets.MAX_NAME, description="One line.")
]


class NewCode(Struct, forbid_unknown_fields=True):
    """For whose laptop a one-time code is.

    `replaces` is a device that is retired when the code is used; its group and ownership are taken
    over unless these are given.
    """

    owner: Owner
    replaces: DeviceId | UnsetType = UNSET
    group: GroupId | UnsetType = UNSET
    ownership: Ownership | UnsetType = UNSET


class Code(Struct):
    """A one-time code: it is told this once."""

    code: str
    owner: str
    expires_at: datetime


class NewDeploymentSecret(Struct, forbid_unknown_fields=True):
    """A secret by which `uses` laptops enrol within so many days from now.

    With `at_once` they wait for nobody's approval; `owner_domain` is what their owners' addresses
    end in.
    """

    name: SecretName
    uses: Annotated[int, Meta(ge=1, le=deployment_secrets.MAX_USES)]
    days: Annotated[int, Meta(ge=1, le=deployment_secrets.LONGEST.days)]
    at_once: bool = False
    owner_domain: Annotated[str, Meta(max_length=190)] | UnsetType = UNSET
    group: GroupId | UnsetType = UNSET
    ownership: Ownership | UnsetType = UNSET


class DeploymentSecret(Struct):
    """A deployment secret, without what is secret about it. `group` is the id of its group."""

    name: str
    uses: int
    used: int
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    at_once: bool
    owner_domain: str | None
    group: str | None
    ownership: str | None


class ShownSecret(DeploymentSecret):
    """A new deployment secret: `secret` is told this once."""

    secret: str


class DeploymentSecretList(Struct):
    """One page of the secrets by name, also of those that are over."""

    secrets: list[DeploymentSecret]
    next: str | None


class SecretToRevoke(Struct, forbid_unknown_fields=True):
    """Which secret lets no more laptops in."""

    name: SecretName
