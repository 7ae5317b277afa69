"""Which way a limit has to move to be stricter, declared where the limit is."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, get_type_hints


class Stricter(StrEnum):
    """What a stricter value of a limit is, beside the declared type (`Annotated`)."""

    LOWER = "lower"
    YES = "yes"
    NO = "no"
    MORE = "more"
    """A list that has every item of the other one."""
    FEWER = "fewer"
    """A list that has no item that the other one has not."""
    EARLIER = "earlier"
    """An enumeration's member that is declared before the other one."""


@dataclass(frozen=True)
class Weaker:
    """A limit that `there` is weaker than `here`."""

    name: str
    here: Any
    there: Any


def directions(limits: type) -> dict[str, Stricter]:
    """Return what is stricter for each limit of a struct.

    Raises `TypeError` for one that doesn't say it.
    """
    hints = get_type_hints(limits, include_extras=True)
    found = {}
    for field in dataclasses.fields(limits):
        declared = getattr(hints[field.name], "__metadata__", ())
        direction = next((each for each in declared if isinstance(each, Stricter)), None)
        if direction is None:
            raise TypeError(f"{limits.__name__}.{field.name} does not say what is stricter")
        found[field.name] = direction
    return found


def weaker_limits(here: Any, there: Any) -> Iterator[Weaker]:
    """Yield each limit of the struct `there` that is weaker than that of the same struct `here`."""
    for name, direction in directions(type(here)).items():
        ours, theirs = getattr(here, name), getattr(there, name)
        if not is_as_strict(direction, ours, theirs):
            yield Weaker(name, ours, theirs)


def is_as_strict(direction: Stricter, here: Any, there: Any) -> bool:
    """Return whether the value `there` is at least as strict as the one `here`."""
    match direction:
        case Stricter.LOWER:
            return bool(there <= here)
        case Stricter.YES:
            return bool(there or not here)
        case Stricter.NO:
            return bool(here or not there)
        case Stricter.MORE:
            return set(here) <= set(there)
        case Stricter.FEWER:
            return set(there) <= set(here)
        case Stricter.EARLIER:
            order: list[Any] = list(type(here).__members__.values())
            return order.index(there) <= order.index(here)
