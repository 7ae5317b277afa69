"""How a fact is declared: its type, its bounds, and why it is collected at all."""

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

Unknown = Literal["unknown"]
UNKNOWN: Unknown = "unknown"


@dataclass(frozen=True)
class Text:
    """Bound for a text: the most characters it may have."""

    longest: int


@dataclass(frozen=True)
class Whole:
    """Bounds for a whole number, both included."""

    least: int
    most: int


@dataclass(frozen=True)
class Items:
    """Bound for a list: the most items it may have."""

    most: int


def fact(why: str, *, default: Any = dataclasses.MISSING) -> Any:
    """Declare a field of a facts struct together with the reason it is collected.

    The privacy page, `passmuster-agent show` and the documentation are made from these sentences. A
    field that came later has the `default` that stands for what older agents don't tell.
    """
    if default is dataclasses.MISSING:
        return dataclasses.field(metadata={"why": why})
    return dataclasses.field(default=default, metadata={"why": why})


@dataclass(frozen=True)
class DeclaredField:
    """One collected field: its path inside the facts (`volumes[].mount`) and why it is needed."""

    path: str
    why: str


def declared_fields(struct: type) -> tuple[DeclaredField, ...]:
    """Return every field of a facts struct, nested ones by their path, in declared order.

    Raises `TypeError` for a field that does not say why it is collected.
    """
    return tuple(_walk(struct, ""))


def _walk(struct: type, prefix: str) -> list[DeclaredField]:
    found: list[DeclaredField] = []
    hints = get_type_hints(struct)
    for field in dataclasses.fields(struct):
        path = prefix + field.name
        why = field.metadata.get("why")
        if not why:
            raise TypeError(f"{struct.__name__}.{field.name} does not say why it is collected")
        found.append(DeclaredField(path, why))
        hint = hints[field.name]
        if get_origin(hint) is tuple:
            (item, *_) = get_args(hint)
            if dataclasses.is_dataclass(item) and isinstance(item, type):
                found.extend(_walk(item, f"{path}[]."))
    return found
