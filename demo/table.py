"""Signals as a table for a terminal."""

import shutil
import textwrap
from collections.abc import Sequence

from passmuster_agent.advice import SignalStatus
from passmuster_agent.status_text import MARKS, paint
from passmuster_agent.terminal_text import printable
from passmuster_collectors.contract.reading import SourceOutcome

HEADERS = ("Signal", "Found", "Source", "Outcome", "Remedy")
SHARES = (3, 8, 7, 3, 9)
LEAST_WIDTH = 100
MOST_WIDTH = 160
MOST_LINES = 8
MOST_SOURCES = 5


def table(signals: Sequence[SignalStatus], *, colour: bool) -> str:
    """Return one row a signal: what was found, where, the outcome and what to do."""
    widths = _widths()
    lines = [_line([*HEADERS], widths), _line(["─" * width for width in widths], widths)]
    for signal in signals:
        cells = [_wrapped(text, width) for text, width in zip(_texts(signal), widths, strict=True)]
        height = max(len(cell) for cell in cells)
        for row in range(height):
            texts = [cell[row] if row < len(cell) else "" for cell in cells]
            padded = [f"{text:<{width}}" for text, width in zip(texts, widths, strict=True)]
            padded[3] = paint(padded[3], MARKS[signal.outcome][1], colour)
            lines.append("  ".join(padded).rstrip())
        lines.append("")
    return "\n".join(lines)


def _widths() -> tuple[int, ...]:
    columns = shutil.get_terminal_size((120, 40)).columns
    width = max(LEAST_WIDTH, min(MOST_WIDTH, columns)) - 2 * (len(SHARES) - 1)
    return tuple(width * share // sum(SHARES) for share in SHARES)


def _line(texts: list[str], widths: Sequence[int]) -> str:
    return "  ".join(f"{text:<{width}}" for text, width in zip(texts, widths, strict=True)).rstrip()


def _texts(signal: SignalStatus) -> tuple[tuple[str, ...], ...]:
    mark = MARKS[signal.outcome][0]
    steps = tuple(
        f"{number}. {step}"
        for remedy in signal.remedies
        for number, step in enumerate(remedy.steps, start=1)
    )
    sources = sorted(signal.sources, key=lambda each: each.outcome is SourceOutcome.READ)
    told = [f"{each.name}: {each.outcome.value}" for each in sources]
    more = [f"and {len(told) - MOST_SOURCES} more"] if len(told) > MOST_SOURCES else []
    return (
        (signal.title,),
        signal.reasons or signal.found,
        (*told[:MOST_SOURCES], *more),
        (f"{mark} {signal.outcome.value.replace('_', ' ')}",),
        steps,
    )


def _wrapped(texts: Sequence[str], width: int) -> list[str]:
    lines = [
        line
        for text in texts
        for line in textwrap.wrap(
            printable(text), width, subsequent_indent=" " if len(texts) > 1 else ""
        )
    ]
    return lines if len(lines) <= MOST_LINES else [*lines[: MOST_LINES - 1], "…"]
