"""Which devices are in service: once somebody has let them in, until they are taken out."""

from sqlalchemy import Connection

from passmuster_server.changes import announce
from passmuster_server.devices import store
from passmuster_server.policy.standing import DeviceStatus


class NotPendingError(Exception):
    """A device that can't be approved; the message says why."""


def retire(
    connection: Connection, organisation: str, device: str, status: DeviceStatus
) -> str | None:
    """Take a device out of service and tell running servers.

    Returns its owner, or None where there is no such device. A revoked device stays revoked, and
    only one that is in service, or in conflict, can get lost: one that waits for approval would
    be in service once it is found.
    """
    found = store.find_device(connection, organisation, device, held=True)
    if found is None:
        return None
    lasts = found.status == DeviceStatus.REVOKED
    never_lost = (DeviceStatus.RETIRED, DeviceStatus.PENDING)
    if not lasts and (status is not DeviceStatus.LOST or found.status not in never_lost):
        store.set_status(connection, organisation, device, status)
    announce(connection, organisation, device)
    return str(found.owner)


def approve(connection: Connection, organisation: str, device: str) -> str:
    """Put a device in service that waits for it, tell running servers, and return its owner.

    Raises `NotPendingError`.
    """
    found = store.find_device(connection, organisation, device, held=True)
    if found is None:
        raise NotPendingError("there is no such device")
    if found.status != DeviceStatus.PENDING:
        raise NotPendingError(f"the device is {found.status}: it does not wait for approval")
    store.set_status(connection, organisation, device, DeviceStatus.ACTIVE)
    announce(connection, organisation, device)
    return str(found.owner)
