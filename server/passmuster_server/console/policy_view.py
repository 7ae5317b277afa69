"""A draft of the policy as its page shows it: the difference, what it would do, its mistake."""

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from passmuster_server.fleet.view import VERDICTS, Badge
from passmuster_server.policy.document import DocumentError
from passmuster_server.policy.simulation import Moved, Simulation

MAX_SHOWN = 50
CONTEXT = 3
MAX_COMPARED = 2_000
"""Lines: at the worst, twice as many take eight times as long to compare."""
MAX_LINES = 1_000

_Opcode = tuple[str, int, int, int, int]
_AT_LINE = re.compile(r"at line (\d+)")


@dataclass(frozen=True)
class DiffLine:
    """One line of a difference: `kind` is added, removed, same, skipped or rest.

    Numbers are those of the lines before and after; what is skipped over has none, nor has the rest
    that is too long to be shown, whose text says how long it is.
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
    """Return the difference with a few lines around each change; empty where there is none.

    It takes a moment, but never seconds: where very much has changed, it is told as one change.
    """
    old, new = before.splitlines(), after.splitlines()
    begin, end = _same_at_both_ends(old, new)
    old_part, new_part = old[begin : len(old) - end], new[begin : len(new) - end]
    found: list[DiffLine] = []
    for group in _changes(old_part, new_part):
        _, first_old, _, first_new, _ = group[0]
        if begin + first_old > 0 or begin + first_new > 0:
            found.append(DiffLine("skipped", None, None, ""))
        for tag, *places in group:
            old_begin, old_end, new_begin, new_end = (begin + place for place in places)
            if tag == "equal":
                found += [
                    DiffLine("same", place + 1, new_begin + place - old_begin + 1, old[place])
                    for place in range(old_begin, old_end)
                ]
                continue
            found += _lines("removed", old, old_begin, old_end)
            found += _lines("added", new, new_begin, new_end)
    if len(found) <= MAX_LINES:
        return found
    rest = f"and {len(found) - MAX_LINES:,} more lines"
    return [*found[:MAX_LINES], DiffLine("rest", None, None, rest)]


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


def _same_at_both_ends(old: Sequence[str], new: Sequence[str]) -> tuple[int, int]:
    """Return how many lines of both ends need not be compared: all that are the same, but a few."""
    shorter = min(len(old), len(new))
    begin = next((place for place in range(shorter) if old[place] != new[place]), shorter)
    left = shorter - begin
    end = next((place for place in range(left) if old[-1 - place] != new[-1 - place]), left)
    return max(0, begin - CONTEXT), max(0, end - CONTEXT)


def _changes(old: Sequence[str], new: Sequence[str]) -> Iterable[Sequence[_Opcode]]:
    if max(len(old), len(new)) > MAX_COMPARED:
        return [[("replace", 0, len(old), 0, len(new))]]
    return difflib.SequenceMatcher(None, old, new).get_grouped_opcodes(CONTEXT)
