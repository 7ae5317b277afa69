"""What is collected about the system's version and its updates."""

from dataclasses import dataclass
from typing import Annotated

from passmuster_collectors.contract.declaration import Text, Unknown, Whole, fact

MOST_UPDATES = 100_000
MOST_WEEKS = 520


@dataclass(frozen=True)
class SystemUpdatesFacts:
    """The system and how current it is. No package is ever named.

    `version` is empty where the system has none, as those that are renewed all the time.
    """

    system: Annotated[str, Text(longest=32)] = fact(
        "Every system has its own day on which security updates end."
    )
    version: Annotated[str, Text(longest=32)] = fact(
        "Tells which day that is: each version has its own."
    )
    support_end: Annotated[str, Text(longest=10)] | None = fact(
        "That day, where the system itself names it (year-month-day)."
    )
    month: Annotated[str, Text(longest=7)] = fact(
        "The month of this reading by the laptop's clock: tells whether that day is over."
    )
    security_updates: Annotated[int, Whole(0, MOST_UPDATES)] | Unknown | None = fact(
        "The answer itself: how many security updates wait? None where the system keeps no count."
    )
    weeks_since_check: Annotated[int, Whole(0, MOST_WEEKS)] | Unknown | None = fact(
        "An old list of updates knows nothing of new ones. None where there is no such list."
    )
    restart_needed: bool | Unknown = fact("Installed updates may do nothing before a restart.")
