"""What people do with their own account: on record, and theirs alone to do."""

from datetime import datetime

from passmuster_server.accounts.sessions import Session
from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event, record
from passmuster_server.database import Transaction
from passmuster_server.schema import DEFAULT_ORGANISATION
from passmuster_server.web.problems import RefusalError


def note(
    transaction: Transaction, email: str, action: Action, now: datetime, **details: str
) -> None:
    """Put on record what somebody has done with the own account."""
    event = Event(action, email, details=details)
    record(transaction.connection, DEFAULT_ORGANISATION, event, now)


def require_own(session: Session) -> None:
    """Raise `RefusalError` 403 where the organisation's own sign-in looks after the account."""
    if session.managed:
        raise RefusalError(
            403, "managed", "Your organisation's own sign-in looks after this account."
        )
