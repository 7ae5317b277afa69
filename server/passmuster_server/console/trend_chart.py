"""The pictures over time: shares of the fleet, stacked, as paths of an SVG."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.console.signal_tallies import Tally
from passmuster_server.fleet.view import VERDICTS

WIDTH, HEIGHT = 720.0, 240.0
LABELS = 4
"""Dates below the picture, beside the first one."""

ORDER = (Verdict.COMPLIANT, Verdict.GRACE, Verdict.UNKNOWN, Verdict.NON_COMPLIANT)
SIGNAL_ORDER = (("good", "Pass"), ("unsure", "Unknown"), ("bad", "Fail"))
"""From the ground up."""


@dataclass(frozen=True)
class Area:
    """One verdict or outcome: its outline, and what it was and is in whole per cent."""

    tone: str
    text: str
    path: str
    first: int
    last: int


@dataclass(frozen=True)
class TrendRow:
    """The numbers of one moment, in the order of the areas."""

    at: datetime
    numbers: tuple[int, ...]


@dataclass(frozen=True)
class Chart:
    """The areas from the ground up, the dates below them (how far to the right), the numbers."""

    areas: tuple[Area, ...]
    dates: tuple[tuple[float, datetime], ...]
    rows: tuple[TrendRow, ...]
    described: str


def chart_of(
    moments: Sequence[datetime], verdicts: Mapping[Verdict, Sequence[int]]
) -> Chart | None:
    """Return the picture from the first moment at which there were laptops; None without any."""
    all_rows = [
        TrendRow(moment, tuple(verdicts[verdict][place] for verdict in ORDER))
        for place, moment in enumerate(moments)
    ]
    begin = next((place for place, row in enumerate(all_rows) if sum(row.numbers)), None)
    if begin is None or begin == len(all_rows) - 1:
        return None
    rows = tuple(all_rows[begin:])
    span = (rows[-1].at - rows[0].at).total_seconds()
    places = [(row.at - rows[0].at).total_seconds() / span * WIDTH for row in rows]
    shares = [_shares(row.numbers) for row in rows]
    badges = [VERDICTS[verdict] for verdict in ORDER]
    areas = _stacked([(badge.tone, badge.text) for badge in badges], places, shares)
    step = max(1, (len(rows) - 1) // LABELS)
    dates = [(places[place], rows[place].at) for place in range(0, len(rows), step)]
    return Chart(areas, tuple(dates), rows, _described(areas))


def signal_chart_of(tallies: Mapping[datetime, Tally]) -> Chart | None:
    """Return the picture of one signal from the first moment that is known; None of one alone."""
    rows = tuple(
        TrendRow(at, (each.passing, each.unknown, each.failing))
        for at, each in sorted(tallies.items())
        if each.passing + each.unknown + each.failing
    )
    if len(rows) < 2:
        return None
    span = (rows[-1].at - rows[0].at).total_seconds()
    places = [(row.at - rows[0].at).total_seconds() / span * WIDTH for row in rows]
    areas = _stacked(SIGNAL_ORDER, places, [_shares(row.numbers) for row in rows])
    ends = ((0.0, rows[0].at), (WIDTH, rows[-1].at))
    return Chart(areas, ends, rows, _described(areas))


def _stacked(
    kinds: Sequence[tuple[str, str]], places: Sequence[float], shares: Sequence[Sequence[float]]
) -> tuple[Area, ...]:
    """Return an area for each kind (its tone and its words), one upon the other."""
    areas, floor = [], [0.0] * len(places)
    for index, (tone, text) in enumerate(kinds):
        top = [low + share[index] for low, share in zip(floor, shares, strict=True)]
        first, last = round(shares[0][index] * 100), round(shares[-1][index] * 100)
        areas.append(Area(tone, text, _outline(places, floor, top), first, last))
        floor = top
    return tuple(areas)


def _described(areas: Sequence[Area]) -> str:
    told = ", ".join(f"{each.text.lower()} from {each.first} % to {each.last} %" for each in areas)
    return f"{told[:1].upper()}{told[1:]}."


def _shares(numbers: Sequence[int]) -> list[float]:
    everything = sum(numbers)
    return [number / everything if everything else 0.0 for number in numbers]


def _outline(places: Sequence[float], low: Sequence[float], high: Sequence[float]) -> str:
    """Return the outline of an area: along its upper edge, and back along the lower one."""
    there = [_point(x, y) for x, y in zip(places, high, strict=True)]
    back = [_point(x, y) for x, y in zip(places, low, strict=True)]
    return "M" + "L".join([*there, *reversed(back)]) + "Z"


def _point(x: float, share: float) -> str:
    return f"{x:.1f} {HEIGHT * (1 - share):.1f}"
