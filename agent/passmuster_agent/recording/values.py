"""Values as a recording has them in JSON."""

import base64
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

from passmuster_collectors.host.base import SourceError

Section = dict[str, Any]

WHOLE_ARGUMENTS = frozenset(
    {
        "hypridle",
        "sshd",
        "swayidle",
        "xautolock",
        "xfce4-screensaver",
        "xscreensaver",
        "xss-lock",
    }
)
"""Programs whose arguments readers look at; those of others can hold anything."""


def process(found: Any) -> Section:
    """Return a process; of one whose arguments no reader looks at, the first alone."""
    first = found.arguments[:1]
    called = {found.name, *(each.rpartition("/")[2] for each in first)}
    whole = called & WHOLE_ARGUMENTS or found.name.startswith("sshd")
    arguments = found.arguments if whole else first
    return {
        "pid": found.pid,
        "uid": found.uid,
        "name": found.name,
        "arguments": list(arguments),
    }


def answer(found: Any) -> Any:
    """Return an answer or a refusal as a recording has it."""
    return refusal(found) if isinstance(found, SourceError) else plain(found)


def refusal(error: SourceError) -> Section:
    """Return a refusal as a recording has it."""
    detail = {"detail": error.detail} if error.detail else {}
    return {"error": error.outcome.value} | detail


def content(data: bytes) -> Any:
    """Return what a file holds or a program prints: text where it is."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode("ascii")}


def number_or_text(value: Any) -> Any:
    """Return a value of the registry as a recording has it, or a refusal."""
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode("ascii")}
    return list(value) if isinstance(value, tuple) else answer(value)


def fields(value: Any) -> Any:
    """Return the fields of a class as a recording has them: lists; bytes as text if they are."""
    if isinstance(value, bytes):
        return content(value)
    if isinstance(value, list | tuple):
        return [fields(item) for item in value]
    if isinstance(value, Mapping):
        return {name: fields(item) for name, item in value.items()}
    return value


def plain(value: Any) -> Any:
    """Return a value as a recording has it: a structure is marked, bytes are a list of numbers."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, bytes):
        return list(value)
    if isinstance(value, tuple):
        return {"struct": [plain(item) for item in value]}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    return value
