"""Two laptops that use one key."""

from datetime import datetime

from sqlalchemy import Connection

from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event, record
from passmuster_server.devices import store
from passmuster_server.policy.standing import DeviceStatus


def enter_conflict(
    connection: Connection, organisation: str, device: str, owner: str, now: datetime
) -> None:
    """Believe neither until one is enrolled again, and put it on record."""
    store.set_status(connection, organisation, device, DeviceStatus.CONFLICT)
    event = Event(Action.DEVICE_CONFLICT, subject=device, person=owner)
    record(connection, organisation, event, now)
