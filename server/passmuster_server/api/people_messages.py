"""What the API takes and answers about one person's data."""

from typing import Annotated, Any

from msgspec import Meta, Struct

from passmuster_server.privacy.personal import PERSON


class WhichPerson(Struct, forbid_unknown_fields=True):
    """Whose data: the address by which their laptops are enrolled, in any case."""

    email: Annotated[
        str, Meta(min_length=3, max_length=254, pattern=PERSON, description="The person's address.")
    ]


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
