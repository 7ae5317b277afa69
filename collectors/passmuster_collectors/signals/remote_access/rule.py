"""Which remote-access tools may run."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from passmuster_collectors.contract.declaration import Items
from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.signals.remote_access.facts import RemoteAccessFacts
from passmuster_collectors.signals.remote_access.products import TOOLS, Tool, ToolName
from passmuster_collectors.signals.signal import UNREADABLE as UNREADABLE_KEY
from passmuster_collectors.signals.signal import Finding, finding
from passmuster_collectors.signals.strictness import Stricter


class Problem(StrEnum):
    """What can be wrong with the tools that run."""

    RUNNING = "running"
    SHARED = "shared"
    UNCLEAR = "unclear"
    UNREADABLE = UNREADABLE_KEY


@dataclass(frozen=True)
class RemoteAccessLimits:
    """The tools that IT itself uses or tolerates."""

    allowed: Annotated[tuple[ToolName, ...], Items(most=64), Stricter.FEWER] = ()


def judge(facts: RemoteAccessFacts, limits: RemoteAccessLimits) -> tuple[Finding, ...]:
    """Return every tool that runs and is not allowed."""
    return tuple(_judge(facts, frozenset(limits.allowed)))


def _judge(facts: RemoteAccessFacts, allowed: frozenset[str]) -> Iterator[Finding]:
    for name in facts.running:
        if name not in allowed:
            tool = _tool(name)
            problem = Problem.SHARED if tool.built_in else Problem.RUNNING
            yield finding(problem, tool=tool.title)
    for name in facts.unclear:
        if name not in allowed:
            yield finding(Problem.UNCLEAR, Outcome.UNKNOWN, tool=_tool(name).title)


def _tool(name: str) -> Tool:
    """Return the tool; a newer agent may know one that this version does not."""
    try:
        return TOOLS[ToolName(name)]
    except ValueError:
        return Tool(name, frozenset())
