"""What a laptop signs for a browser: whose signature it is, and that it was meant for us."""

from collections.abc import Collection
from typing import Any, Protocol, TypeVar

from sqlalchemy import Row

from passmuster_collectors.contract import codec, strict_json
from passmuster_collectors.contract.canonical import canonical_bytes
from passmuster_collectors.contract.errors import ContractError
from passmuster_server.database import Database
from passmuster_server.devices import jws
from passmuster_server.devices import store as device_store
from passmuster_server.policy.standing import DeviceStatus
from passmuster_server.proof.refusals import refusal

MAX_TOKEN = 4_096


class ForServer(Protocol):
    """A message that a laptop signed for one server."""

    @property
    def audience(self) -> str:
        """The server's id."""

    @property
    def origin(self) -> str:
        """The URL that the agent knows it by."""


Message = TypeVar("Message", bound=ForServer)


async def read_signed(
    database: Database,
    organisation: str,
    origins: Collection[str],
    token: bytes,
    kind: str,
    message: type[Message],
) -> tuple[Row[Any], Message]:
    """Return the device that signed, which is in service, and what it signed.

    `kind` is the `typ` that the header has to have. Raises `RefusalError` 403, `ContractError`, and
    `StoreUnavailableError`.
    """
    if len(token) > MAX_TOKEN:
        raise ContractError("", f"longer than {MAX_TOKEN} characters")
    unverified = jws.read_header(token, kind)
    row, server = await database.read(
        lambda connection: (
            device_store.find_device(connection, organisation, unverified.key_id),
            device_store.organisation_of(connection, organisation).server_id,
        )
    )
    if row is None:
        raise refusal("unknown_device", "This laptop is not enrolled here.")
    try:
        payload = jws.verified_payload(unverified, jws.import_key(device_store.public_key_of(row)))
    except jws.SignatureError:
        raise refusal("bad_signature", "This is not signed by the laptop's key.") from None
    value = strict_json.parse(payload)
    if canonical_bytes(value) != payload:
        raise ContractError("", "not in the canonical form")
    read = codec.decode(message, value)
    if read.audience != server or read.origin not in origins:
        raise refusal("another_server", "This laptop answered another server.")
    if row.status == DeviceStatus.PENDING:
        raise refusal("not_approved", "IT has not approved this laptop yet.")
    if row.status != DeviceStatus.ACTIVE:
        raise refusal("out_of_service", "This laptop is out of service.")
    return row, read
