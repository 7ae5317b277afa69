"""A change of a setting that a worker may make, as exactly as it would be made."""

from collections.abc import Mapping
from dataclasses import dataclass

from passmuster_collectors.host.commands import Program

NOT_SET = "not set"
NEVER = "0 (never)"
WORDS = (NOT_SET, NEVER)
"""What `before` says in words; anything else is the setting's own."""


@dataclass(frozen=True)
class Change:
    """One setting of the worker's own.

    `program` is run as the worker with `arguments` and `environment` to make it; exit status 0 is
    done. `locked` settings are IT's: nothing is run.
    """

    setting: str
    before: str
    after: str
    program: Program
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    locked: bool = False
