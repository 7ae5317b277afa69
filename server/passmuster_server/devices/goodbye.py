"""A laptop says that it leaves: signed by its key, and the device is retired."""

from passmuster_collectors.contract import codec, strict_json
from passmuster_collectors.contract.canonical import canonical_bytes
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.goodbye import GOODBYE_TYPE, VERSION, Goodbye, GoodbyeHeard
from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event, record
from passmuster_server.clock import Clock
from passmuster_server.database import Database, Transaction
from passmuster_server.devices import jws, store
from passmuster_server.devices.destination import check_destination
from passmuster_server.devices.in_service import retire
from passmuster_server.policy.service import Policies
from passmuster_server.policy.standing import DeviceStatus
from passmuster_server.web.problems import RefusalError

PATH = "/api/v1/goodbye"
METHOD = "POST"
ACTOR = "the laptop's agent"
"""In the record, who retired the device."""


class Goodbyes:
    """Takes goodbyes in for one organisation, at any of `urls`."""

    def __init__(
        self,
        database: Database,
        policies: Policies,
        clock: Clock,
        *,
        organisation: str,
        urls: frozenset[str],
    ) -> None:
        self._database = database
        self._policies = policies
        self._clock = clock
        self._organisation = organisation
        self._urls = urls

    async def take_in(self, body: bytes) -> GoodbyeHeard:
        """Return the answer once the device is retired.

        Raises `RefusalError` and `ContractError` with what is wrong, and `StoreUnavailableError`.
        """
        unverified = jws.read_header(body, GOODBYE_TYPE)
        device = unverified.key_id
        row, server = await self._database.read(
            lambda connection: (
                store.find_device(connection, self._organisation, device),
                store.organisation_of(connection, self._organisation).server_id,
            )
        )
        if row is None:
            raise RefusalError(401, "unknown_device", "This device is not enrolled here.")
        key = jws.import_key(store.public_key_of(row))
        try:
            payload = jws.verified_payload(unverified, key)
        except jws.SignatureError:
            raise _bad_signature() from None
        value = strict_json.parse(payload)
        if canonical_bytes(value) != payload:
            raise ContractError("", "not in the canonical form")
        check_destination(
            codec.decode(Goodbye, value), server=server, method=METHOD, urls=self._urls
        )
        await self._database.write(
            lambda transaction: self._retire(transaction, device, row.thumbprint)
        )
        return GoodbyeHeard(VERSION, device)

    def _retire(self, transaction: Transaction, device: str, thumbprint: str) -> None:
        connection, organisation = transaction.connection, self._organisation
        row = store.find_device(connection, organisation, device, held=True)
        if row is None or row.thumbprint != thumbprint:
            # Its key was rotated since.
            raise _bad_signature()
        if row.status == DeviceStatus.RETIRED:
            return
        if row.status in (DeviceStatus.REVOKED, DeviceStatus.LOST):
            # Whoever has found it must not make it look as if it had been given back.
            raise RefusalError(401, "revoked", "This device has been taken out of service.")
        retire(connection, organisation, device, DeviceStatus.RETIRED)
        event = Event(Action.DEVICE_RETIRED, ACTOR, subject=device, person=row.owner)
        record(connection, organisation, event, self._clock())
        self._policies.judge(transaction, organisation, device)


def _bad_signature() -> RefusalError:
    return RefusalError(401, "bad_signature", "The goodbye is not signed by the device's key.")
