"""How a laptop leaves: its key signs that it is no longer used.

The agent sends a JWS over `Goodbye` and gets `GoodbyeHeard`. The device is retired for good, so the
same message again changes nothing.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from passmuster_collectors.contract.declaration import Text, Whole

VERSION = 1
GOODBYE_TYPE = "passmuster-goodbye+jws"
"""The `typ` header; the `kid` is the device."""


@dataclass(frozen=True)
class Goodbye:
    """What the key signs. `audience` is the server's id."""

    version: Annotated[int, Whole(least=VERSION, most=VERSION)]
    audience: Annotated[str, Text(longest=64)]
    method: Annotated[str, Text(longest=8)]
    url: Annotated[str, Text(longest=2048)]
    sent_at: datetime


@dataclass(frozen=True)
class GoodbyeHeard:
    """The server's answer: the device is retired."""

    version: Annotated[int, Whole(least=VERSION, most=VERSION)]
    device: Annotated[str, Text(longest=64)]
