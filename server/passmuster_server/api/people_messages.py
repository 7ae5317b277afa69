"""What the API takes and answers about one person's data."""

from typing import Any

from msgspec import Struct

from passmuster_server.api.groups_messages import Email


class WhichPerson(Struct, forbid_unknown_fields=True):
    """Whose data: the address by which their laptops are enrolled, in any case."""

    email: Email


class PersonData(Struct):
    """All that is stored of the person, by what it is."""

    data: dict[str, Any]


class Erased(Struct):
    """How many devices and decisions of the gate are gone, and which entries of the audit record.

    Those are ranges: the numbers of the first and of the last entry. `account`: the person had one
    for the console. `alerts`: rules of mail to or from the address. `callers`: programs that might
    ask about nobody else, and are revoked.
    """

    devices: int
    decisions: int
    account: bool
    alerts: int
    callers: int
    audit_entries: list[list[int]]
