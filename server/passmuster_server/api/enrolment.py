"""One-time codes, deployment secrets and approvals, for programs."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from msgspec import UNSET
from sqlalchemy import Connection, Row

from passmuster_collectors.contract.errors import ContractError
from passmuster_server.api import devices
from passmuster_server.api.bounds import check_domain, check_owner, group_of
from passmuster_server.api.endpoint import PREFIX, Call, Operation, not_found
from passmuster_server.api.enrolment_messages import (
    Code,
    DeploymentSecret,
    DeploymentSecretList,
    NewCode,
    NewDeploymentSecret,
    SecretToRevoke,
    ShownSecret,
)
from passmuster_server.api.messages import DevicePath, Nothing
from passmuster_server.api.pages import PageQuery, page_of
from passmuster_server.audit.record import record
from passmuster_server.database import Transaction
from passmuster_server.devices import admission, deployment_secrets, store
from passmuster_server.devices.deployment_secrets import (
    NewSecret,
    SecretError,
    SecretExistsError,
)
from passmuster_server.devices.doors import OwnerError
from passmuster_server.devices.in_service import NotPendingError
from passmuster_server.devices.one_time_codes import CODE_LIFETIME, ReplacedDeviceError
from passmuster_server.gate.callers import ENROLMENT_MANAGE, FLEET_MANAGE
from passmuster_server.services import Services
from passmuster_server.web.problems import RefusalError

CODES = f"{PREFIX}/enrolment-codes"
SECRETS = f"{PREFIX}/deployment-secrets"


class EnrolmentDoors:
    """Opens and shuts the doors by which laptops enrol. Each change goes on record."""

    def __init__(self, services: Services) -> None:
        self._database = services.database
        self._standings = services.standings
        self._public_url = services.config.public_url

    async def issue_code(self, call: Call[Nothing, Nothing, NewCode]) -> Code:
        """Return a code for one person's laptop. Raises `ContractError`, `RefusalError` 403."""
        given = call.body

        def work(transaction: Transaction) -> str:
            connection = transaction.connection
            check_owner(call, connection, self._standings, given.owner)
            self._check_replaced(call, connection)
            group = group_of(call, connection, given.group)
            code, event = admission.issue_code(
                connection,
                call.organisation,
                given.owner,
                call.actor,
                call.now,
                replaces=given.replaces or None,
                group=group.name if group is not None else None,
                ownership=given.ownership or None,
            )
            record(connection, call.organisation, event, call.now)
            return code

        try:
            code = await self._database.write(work)
        except OwnerError as error:
            raise ContractError("owner", str(error)) from None
        except ReplacedDeviceError as error:
            raise ContractError("replaces", str(error)) from None
        return Code(code, given.owner.strip(), call.now + CODE_LIFETIME)

    def _check_replaced(
        self, call: Call[Nothing, Nothing, NewCode], connection: Connection
    ) -> None:
        if call.body.replaces is UNSET:
            return
        found = store.find_device(connection, call.organisation, call.body.replaces)
        if found is None or not call.sees(found.group_id):
            raise ContractError("replaces", "there is no such device to replace")

    async def secrets(self, call: Call[Nothing, PageQuery, Nothing]) -> DeploymentSecretList:
        """Return one page of the secrets, of which a confined caller sees its groups' alone."""
        rows = await self._database.read(
            lambda connection: deployment_secrets.secrets_of(connection, call.organisation)
        )
        seen = [row for row in rows if _sees(call, row)]
        page, following = page_of(
            seen, lambda row: str(row.name), call.query, self._public_url + SECRETS
        )
        return DeploymentSecretList([_secret(row) for row in page], following)

    async def issue_secret(self, call: Call[Nothing, Nothing, NewDeploymentSecret]) -> ShownSecret:
        """Return a new secret. Raises `ContractError`, `RefusalError` 403, 409."""
        given = call.body
        if given.at_once and call.client.groups is not None:
            raise RefusalError(
                403,
                "confined",
                "The laptops of a caller that is confined wait for approval.",
                field="at_once",
            )

        def work(transaction: Transaction) -> tuple[str, Row[Any]]:
            connection = transaction.connection
            group = group_of(call, connection, given.group)
            check_domain(call, connection, given.owner_domain)
            new = NewSecret(
                given.name,
                given.uses,
                timedelta(days=given.days),
                given.at_once,
                None if given.owner_domain is UNSET else given.owner_domain,
                group.name if group is not None else None,
                given.ownership or None,
            )
            secret, event = admission.issue_secret(
                connection, call.organisation, new, call.actor, call.now
            )
            record(connection, call.organisation, event, call.now)
            found = deployment_secrets.named(connection, call.organisation, given.name.strip())
            assert found is not None  # noqa: S101 - stored a moment ago
            return secret, found

        try:
            secret, row = await self._database.write(work)
        except SecretExistsError as error:
            raise RefusalError(409, "exists", _problem(error)[1], field="name") from None
        except SecretError as error:
            raise ContractError(*_problem(error)) from None
        return ShownSecret(**_values(row), secret=secret)

    async def revoke_secret(self, call: Call[Nothing, Nothing, SecretToRevoke]) -> None:
        """Let no more laptops in by a secret. Raises `RefusalError` 404, 409."""
        name = call.body.name.strip()
        if not name.isprintable():
            raise not_found("deployment secret")

        def work(transaction: Transaction) -> None:
            connection = transaction.connection
            found = deployment_secrets.named(connection, call.organisation, name)
            if found is None or not _sees(call, found):
                raise not_found("deployment secret")
            event = admission.revoke_secret(
                connection, call.organisation, name, call.actor, call.now
            )
            record(connection, call.organisation, event, call.now)

        try:
            await self._database.write(work)
        except SecretError:
            raise RefusalError(409, "revoked", "The secret is revoked already.") from None

    async def approve(self, call: Call[DevicePath, Nothing, Nothing]) -> None:
        """Put a device in service that waits. Raises `RefusalError` 403, 404, 409."""
        device = call.path.device

        def work(transaction: Transaction) -> None:
            connection = transaction.connection
            found = store.find_device(connection, call.organisation, device)
            if found is None or not call.sees(found.group_id):
                raise not_found("device")
            check_owner(call, connection, self._standings, found.owner)
            event = admission.approve(connection, call.organisation, device, call.actor)
            record(connection, call.organisation, event, call.now)

        try:
            await self._database.write(work)
        except NotPendingError as error:
            raise RefusalError(409, "not_pending", f"{str(error).capitalize()}.") from None


def operations(services: Services) -> Sequence[Operation[Any, Any, Any]]:
    """Return what this part of the API can do."""
    doors = EnrolmentDoors(services)
    return (
        Operation(
            "issueEnrolmentCode",
            CODES,
            "A code that enrols one person's laptop, good once, for a quarter of an hour",
            (ENROLMENT_MANAGE,),
            Nothing,
            Nothing,
            NewCode,
            Code,
            doors.issue_code,
            method="POST",
        ),
        Operation(
            "listDeploymentSecrets",
            SECRETS,
            "The secrets by which many laptops enrol, and what is left of them",
            (ENROLMENT_MANAGE,),
            Nothing,
            PageQuery,
            Nothing,
            DeploymentSecretList,
            doors.secrets,
        ),
        Operation(
            "issueDeploymentSecret",
            SECRETS,
            "A new secret by which many laptops enrol, told this once",
            (ENROLMENT_MANAGE,),
            Nothing,
            Nothing,
            NewDeploymentSecret,
            ShownSecret,
            doors.issue_secret,
            method="POST",
        ),
        Operation(
            "revokeDeploymentSecret",
            f"{SECRETS}/revocations",
            "Let no more laptops in by a secret; those that are in stay",
            (ENROLMENT_MANAGE,),
            Nothing,
            Nothing,
            SecretToRevoke,
            None,
            doors.revoke_secret,
            method="POST",
        ),
        Operation(
            "approveDevice",
            f"{devices.PATH}/{{device}}/approval",
            "Put this device in service, which waits for that",
            (ENROLMENT_MANAGE, FLEET_MANAGE),
            DevicePath,
            Nothing,
            Nothing,
            None,
            doors.approve,
            method="POST",
        ),
    )


def _sees(call: Call[Any, Any, Any], secret: Row[Any]) -> bool:
    if call.client.groups is None:
        return True
    return secret.group_id is not None and call.sees(secret.group_id)


def _values(row: Row[Any]) -> dict[str, Any]:
    names = DeploymentSecret.__struct_fields__
    return {name: getattr(row, "group_id" if name == "group" else name) for name in names}


def _secret(row: Row[Any]) -> DeploymentSecret:
    return DeploymentSecret(**_values(row))


def _problem(error: Exception) -> tuple[str, str]:
    field, _, problem = str(error).partition(": ")
    return (field.replace(" ", "_"), problem) if problem else ("", field)
