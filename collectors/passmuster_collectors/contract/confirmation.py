"""How a worker confirms, at a laptop, a browser that can't reach the laptop: by a number.

The browser shows the number, the worker types it at the laptop. The agent asks the server what that
number stands for (`NumberQuestion`, answered by `BrowserAsking`), shows it to the worker, and signs
a `Confirmation` once they agree. Nothing of this comes to a laptop by itself.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from passmuster_collectors.contract.declaration import Text, Whole

VERSION = 1
QUESTION_TYPE = "passmuster-number+jws"
CONFIRMATION_TYPE = "passmuster-confirmation+jws"
"""The `typ` headers; the `kid` is the device."""

QUESTION_PATH = "confirmations/question"
PATH = "confirmations"
DIGITS = 8
LIFETIME_S = 180
"""From the moment the browser shows the number until the laptop has confirmed it."""


@dataclass(frozen=True)
class NumberQuestion:
    """What the key signs to learn what a number stands for.

    `audience` is the server's id, `origin` the URL that the agent knows it by.
    """

    version: Annotated[int, Whole(least=VERSION, most=VERSION)]
    audience: Annotated[str, Text(longest=64)]
    origin: Annotated[str, Text(longest=2048)]
    number: Annotated[str, Text(longest=DIGITS)]
    signed_at: datetime


@dataclass(frozen=True)
class BrowserAsking:
    """What a number stands for, for the worker to compare with what they are doing.

    `person` is empty where nobody knows yet who signs in. `address` is the browser's,
    `same_address` whether the laptop's own is the same, None where that is not known; `age_s` is
    how many seconds ago the browser got its number.
    """

    version: Annotated[int, Whole(least=VERSION, most=VERSION)]
    number: Annotated[str, Text(longest=DIGITS)]
    challenge: Annotated[str, Text(longest=64)]
    session: Annotated[str, Text(longest=64)]
    application: Annotated[str, Text(longest=128)]
    person: Annotated[str, Text(longest=254)]
    address: Annotated[str, Text(longest=64)]
    same_address: bool | None
    age_s: Annotated[int, Whole(least=0, most=LIFETIME_S)]


@dataclass(frozen=True)
class Confirmation:
    """What the key signs once the worker has agreed.

    `challenge` and `session` name the browser as the server did. `sequence` is that of a report
    which the server took in after the browser had got its number.
    """

    version: Annotated[int, Whole(least=VERSION, most=VERSION)]
    audience: Annotated[str, Text(longest=64)]
    origin: Annotated[str, Text(longest=2048)]
    number: Annotated[str, Text(longest=DIGITS)]
    challenge: Annotated[str, Text(longest=64)]
    session: Annotated[str, Text(longest=64)]
    sequence: Annotated[int, Whole(least=1, most=2**53 - 1)]
    signed_at: datetime


@dataclass(frozen=True)
class Confirmed:
    """The server's answer: the browser goes on."""

    version: Annotated[int, Whole(least=VERSION, most=VERSION)]
    number: Annotated[str, Text(longest=DIGITS)]


def digits_of(typed: str) -> str:
    """Return the number as it is compared: spaces and hyphens left out; empty for anything else."""
    digits = typed.strip().replace(" ", "").replace("-", "")
    return digits if len(digits) == DIGITS and digits.isascii() and digits.isdigit() else ""
