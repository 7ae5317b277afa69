"""The readings of a report, checked, and what each of them says whenever it was taken.

News of a laptop is mostly of one signal: what it says of all others it has said before, as other
laptops have, and was found right then. Such readings are known by their bytes and not even parsed.
"""

import contextlib
from collections.abc import Iterator
from functools import lru_cache

import msgspec

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.reading import Reading
from passmuster_server.reports.upload import Received, canonical, check_facts, without_time

MAX_KNOWN = 4096
MAX_KNOWN_BYTES = 2048
"""A longer reading is one laptop's own."""

# In the canonical form a reading begins with its time, which agents write in one length.
_BEFORE_TIME = b'{"collected_at":"'
_TIME = slice(17, 44)
_BEHIND_TIME = slice(44, 46)
_REST = slice(46, None)
_WHENEVER = "1970-01-01T00:00:00.000000Z"

Told = list[tuple[bytes, Reading]]
"""Readings of one record, each behind what it says: its canonical bytes without the time."""


class _Record(msgspec.Struct):
    readings: list[msgspec.Raw]


class _Upload(msgspec.Struct):
    records: list[_Record]


_NOT_SURE = (ContractError, msgspec.MsgspecError, ValueError, OverflowError, RecursionError)
_RAW = msgspec.json.Decoder(_Upload)


def checked_records(received: Received) -> Iterator[Told]:
    """Yield the readings of each record.

    Raises `ContractError` as `Received.readings` does.
    """
    for index, record in enumerate(_RAW.decode(received.payload).records):
        yield _quickly(record.readings) or _by_codec(received, index)


def says(stored: bytes | None, said: bytes | None) -> bool:
    """Return whether a stored reading says this, whenever it was taken."""
    if stored is None or said is None:
        return False
    # No time has a comma in it.
    if stored.partition(b",")[2] == said[1:]:
        return True
    return canonical(without_time(msgspec.json.decode(stored))) == said


def _quickly(readings: list[msgspec.Raw]) -> Told | None:
    """Return readings that are right and written as agents write them, else None."""
    with contextlib.suppress(*_NOT_SURE):
        told = [_checked(bytes(raw)) for raw in readings]
        if len({reading.signal for _, reading in told}) == len(told):
            return told
    return None


def _by_codec(received: Received, index: int) -> Told:
    said = [canonical(without_time(raw)) for raw in received.raw_readings[index]]
    return list(zip(said, received.readings(index), strict=True))


def _checked(raw: bytes) -> tuple[bytes, Reading]:
    if not raw.startswith(_BEFORE_TIME) or raw[_BEHIND_TIME] != b'",':
        raise ValueError
    at = codec.parse_time(raw[_TIME].decode("ascii"), "")
    said = b"{" + raw[_REST]
    known = (_known if len(said) <= MAX_KNOWN_BYTES else _read)(said)
    return said, Reading(known.signal, known.status, known.reason, known.facts, known.sources, at)


def _read(said: bytes) -> Reading:
    value = {"collected_at": _WHENEVER, **msgspec.json.decode(said)}
    if canonical(value) != _BEFORE_TIME + _WHENEVER.encode() + b'",' + said[1:]:
        raise ValueError
    reading = codec.decode(Reading, value)
    check_facts(reading, "")
    return reading


_known = lru_cache(maxsize=MAX_KNOWN)(_read)
