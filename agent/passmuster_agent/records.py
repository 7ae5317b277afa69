"""Records: what was read, with where in this laptop's life it was read."""

import secrets
from collections.abc import Iterable
from datetime import datetime

from passmuster_agent import __version__
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.reading import Reading
from passmuster_collectors.contract.report import VERSION, Record
from passmuster_collectors.host import clocks


def new_record(
    device: str,
    platform: Platform,
    collected_at: datetime,
    readings: Iterable[Reading],
) -> Record:
    """Return a record that the outbox has yet to give its place in the chain."""
    return Record(
        version=VERSION,
        device=device,
        record_id=secrets.token_hex(16),
        sequence=1,
        previous="",
        collected_at=collected_at,
        boot_id=clocks.boot_id(),
        uptime_s=int(clocks.since_boot_s()),
        platform=platform,
        agent_version=__version__,
        readings=tuple(readings),
    )


def same_findings(one: Iterable[Reading], other: Iterable[Reading]) -> bool:
    """Whether two sets of readings say the same, whenever they were taken."""
    return _findings(one) == _findings(other)


def _findings(readings: Iterable[Reading]) -> dict[str, tuple[object, ...]]:
    return {
        reading.signal: (reading.status, reading.reason, reading.facts, reading.sources)
        for reading in readings
    }
