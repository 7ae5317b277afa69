"""A draft of the policy as its page shows it: the difference, what it would do, its mistake."""

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from passmuster_server.fleet.view import VERDICTS, Badge
from passmuster_server.policy.document import DocumentError
from passmuster_server.policy.simulation import Moved, Simulation

MAX_SHOWN = 50
CONTEXT = 3

_AT_LINE = re.compile(r"at line (\d+)")


@dataclass(frozen=True)
class DiffLine:
    """One line of a difference: `kind` is added, removed, same or skipped.

    Numbers are those of the lines before and after; a line that is skipped over has none.
    """

    kind: str
    before: int | None
    after: int | None
    text: str

    @property
    def sign(self) -> str:
        """The sign that stands beside the colour."""
        return {"added": "+", "removed": "\N{MINUS SIGN}"}.get(self.kind, "")


@dataclass(frozen=True)
class Mistake:
    """What is wrong with a document, where it stands and what stands there."""

    problem: str
    line: int | None
    text: str


@dataclass(frozen=True)
class MovedView:
    """A laptop whose verdict would change; `why` is IT's first sentence, `more` how many beside."""

    device: str
    owner: str
    computer_name: str
    badge: Badge
    why: str
    more: int


@dataclass(frozen=True)
class Effect:
    """What would happen to some laptops: how many, of how many people, and the first of them."""

    title: str
    tone: str
    laptops: int
    people: int
    shown: tuple[MovedView, ...]


def difference(before: str, after: str) -> list[DiffLine]:
    """Return the difference with a few lines around each change; empty where there is none."""
    old, new = before.splitlines(), after.splitlines()
    matcher = difflib.SequenceMatcher(None, old, new)
    found: list[DiffLine] = []
    for group in matcher.get_grouped_opcodes(CONTEXT):
        first = group[0]
        if first[1] > 0 or first[3] > 0:
            found.append(DiffLine("skipped", None, None, ""))
        for tag, old_begin, old_end, new_begin, new_end in group:
            if tag == "equal":
                found += [
                    DiffLine("same", place + 1, new_begin + place - old_begin + 1, old[place])
                    for place in range(old_begin, old_end)
                ]
                continue
            found += _lines("removed", old, old_begin, old_end)
            found += _lines("added", new, new_begin, new_end)
    return found


def mistake_of(error: DocumentError, document: str) -> Mistake:
    """Return what to show of a mistake."""
    line = error.line
    if line is None and (told := _AT_LINE.search(error.problem)):
        line = int(told[1])
    lines = document.splitlines()
    text = lines[line - 1] if line is not None and 0 < line <= len(lines) else ""
    problem = f"{error.field}: {error.problem}" if error.field else error.problem
    return Mistake(problem, line, text)


def effects_of(simulation: Simulation) -> tuple[Effect, ...]:
    """Return what a policy would do, the worst first."""
    return (
        _effect("Shut out", "bad", simulation.shut_out),
        _effect("Given time", "warn", simulation.warned),
        _effect("Let in again", "good", simulation.let_in),
    )


def _effect(title: str, tone: str, moved: Sequence[Moved]) -> Effect:
    people = len({each.owner.casefold() for each in moved})
    return Effect(title, tone, len(moved), people, tuple(map(_moved, moved[:MAX_SHOWN])))


def _moved(moved: Moved) -> MovedView:
    why = moved.reasons[0].admin if moved.reasons else ""
    return MovedView(
        moved.device,
        moved.owner,
        moved.computer_name,
        VERDICTS[moved.after],
        why,
        max(0, len(moved.reasons) - 1),
    )


def _lines(kind: str, lines: Sequence[str], begin: int, end: int) -> Iterator[DiffLine]:
    for place in range(begin, end):
        removed = kind == "removed"
        yield DiffLine(
            kind, place + 1 if removed else None, None if removed else place + 1, lines[place]
        )
