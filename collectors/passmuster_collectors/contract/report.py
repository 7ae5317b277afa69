"""What a laptop sends: records made when readings are taken, wrapped in a signed upload."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from passmuster_collectors.contract.declaration import Items, Text, Whole
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.reading import Reading

VERSION = 1
REPORT_TYPE = "passmuster-report+jws"
"""The `typ` header (RFC 7515, section 4.1.9) of a signed upload."""

MAX_RECORDS = 200
MAX_READINGS = 32


@dataclass(frozen=True)
class Record:
    """One collection. `previous` is the SHA-256 of the record before it, or an empty text."""

    version: Annotated[int, Whole(least=VERSION, most=VERSION)]
    device: Annotated[str, Text(longest=64)]
    record_id: Annotated[str, Text(longest=64)]
    sequence: Annotated[int, Whole(least=1, most=2**53 - 1)]
    previous: Annotated[str, Text(longest=64)]
    collected_at: datetime
    boot_id: Annotated[str, Text(longest=64)]
    uptime_s: int
    platform: Platform
    agent_version: Annotated[str, Text(longest=32)]
    readings: Annotated[tuple[Reading, ...], Items(most=MAX_READINGS)]


@dataclass(frozen=True)
class Upload:
    """What is signed and sent: where it goes, the server's nonce, and the records in order."""

    version: Annotated[int, Whole(least=VERSION, most=VERSION)]
    audience: str
    method: Annotated[str, Text(longest=8)]
    url: str
    sequence: Annotated[int, Whole(least=1, most=2**53 - 1)]
    nonce: Annotated[str, Text(longest=64)]
    sent_at: datetime
    records: Annotated[tuple[Record, ...], Items(most=MAX_RECORDS)]
