"""The readings of a record, checked, and what each of them says whenever it was taken.

News of a laptop is mostly of one signal: what it says of all others it has said before, as other
laptops have, and was found right then.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.reading import Reading
from passmuster_server.reports.upload import Received, canonical, check_facts, without_time

MAX_KNOWN = 4096
MAX_KNOWN_BYTES = 2048
"""A longer reading is one laptop's own."""

_WHENEVER = {"collected_at": "1970-01-01T00:00:00.000000Z"}


def checked_readings(received: Received, index: int) -> list[tuple[bytes, Reading]]:
    """Return each reading of a record behind what it says: its canonical bytes without the time.

    Raises `ContractError` as `Received.readings` does.
    """
    sent = received.raw_readings[index]
    said = [canonical(without_time(raw)) for raw in sent]
    try:
        readings = [_checked(raw, key) for raw, key in zip(sent, said, strict=True)]
    except ContractError:
        readings = []
    if len({reading.signal for reading in readings}) < len(sent):
        # It says what is wrong where.
        readings = list(received.readings(index))
    return list(zip(said, readings, strict=True))


def says(stored: bytes | None, said: bytes | None) -> bool:
    """Return whether a stored reading says this, whenever it was taken."""
    if stored is None or said is None:
        return False
    # In the canonical form the time comes first, and has no comma in it.
    if stored.partition(b",")[2] == said[1:]:
        return True
    return canonical(without_time(msgspec.json.decode(stored))) == said


def _checked(raw: Mapping[str, Any], said: bytes) -> Reading:
    at = codec.parse_time(raw.get("collected_at"), "collected_at")
    known = (_known if len(said) <= MAX_KNOWN_BYTES else _read)(said)
    return Reading(known.signal, known.status, known.reason, known.facts, known.sources, at)


def _read(said: bytes) -> Reading:
    reading = codec.decode(Reading, {**msgspec.json.decode(said), **_WHENEVER})
    check_facts(reading, "facts")
    return reading


_known = lru_cache(maxsize=MAX_KNOWN)(_read)
