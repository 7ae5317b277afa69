"""What the API takes and answers about everybody who may sign in to the console."""

from datetime import datetime

from msgspec import Struct

from passmuster_server.accounts.roles import Role
from passmuster_server.api.groups_messages import Email


class Account(Struct):
    """Who may sign in, as what, and how many sessions are open; `group`: sees that one alone."""

    email: str
    role: Role
    group: str | None
    created_at: datetime
    disabled_at: datetime | None
    sessions: int


class AccountList(Struct):
    """One page of the accounts by address."""

    accounts: list[Account]
    next: str | None


class WhichAccount(Struct, forbid_unknown_fields=True):
    """Whose account."""

    email: Email


class EndedSessions(Struct):
    """How many sessions were ended."""

    sessions: int
