"""Codes by which one named person's laptop enrols, once."""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from passmuster_server.devices import codes, store
from passmuster_server.devices.doors import checked_owner
from passmuster_server.devices.groups import Ownership, find_group

CODE_LIFETIME = timedelta(minutes=15)


class ReplacedDeviceError(LookupError):
    """The device that a code should replace is not enrolled."""


def create_code(
    connection: Connection,
    organisation: str,
    owner: str,
    now: datetime,
    replaces: str | None = None,
    *,
    group: str | None = None,
    ownership: Ownership | None = None,
) -> str:
    """Store a new code for one named person and return it, which is not kept.

    `replaces` is a device that is retired when the code is used; the new one takes over its group
    and ownership, unless `group`, a group's name, and `ownership` are given. Raises `OwnerError`,
    `ReplacedDeviceError` and `GroupError`.
    """
    owner = checked_owner(owner)
    if replaces and store.find_device(connection, organisation, replaces) is None:
        raise ReplacedDeviceError("there is no such device to replace")
    code = codes.new_code()
    stands_for = store.NewCode(
        codes.code_hash(code),
        owner,
        replaces,
        group and find_group(connection, organisation, group).group_id,
        ownership,
    )
    store.insert_code(connection, organisation, stands_for, now, CODE_LIFETIME)
    return code
