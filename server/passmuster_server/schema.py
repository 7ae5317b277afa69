"""What every area's tables share: one metadata and the types that both databases store alike."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Dialect, MetaData, TypeDecorator

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

DEFAULT_ORGANISATION = "default"
"""The organisation that a fresh server has. Every hot table is keyed by organisation first."""

DEFAULT_GROUP = "default"
"""The group of every device that no other was named for."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Moment(TypeDecorator[datetime]):
    """A UTC time, stored as whole microseconds since 1970: the same on SQLite and PostgreSQL."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Return the microseconds; a time without a zone is a mistake in the caller."""
        return None if value is None else to_microseconds(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Return the UTC time."""
        return None if value is None else from_microseconds(value)


def to_microseconds(value: datetime) -> int:
    """Return a time as it is stored; one without a zone is a mistake in the caller."""
    if value.tzinfo is None:
        raise TypeError("a stored time needs a zone")
    since = value - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def from_microseconds(value: int) -> datetime:
    """Return the UTC time that is stored as `value`."""
    return _EPOCH + timedelta(microseconds=value)
