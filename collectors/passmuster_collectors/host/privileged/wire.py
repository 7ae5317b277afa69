"""The root helper's answers as bytes: JSON in which each object has one key that says what it is.

`{"base64": …}` are bytes, `{"struct": […]}` is a tuple, `{"map": [[key, value], …]}` a mapping, and
`{"refused": [outcome, detail]}` a refusal.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any

from passmuster_collectors.host.base import (
    SourceConflictError,
    SourceDeniedError,
    SourceError,
    SourceMissingError,
    SourceTimeoutError,
)
from passmuster_collectors.host.privileged.verbs import Answers

MAX_ANSWER = 1_048_576
"""Most bytes of one answer."""

REFUSALS: Mapping[str, type[SourceError]] = {
    refusal.outcome.value: refusal
    for refusal in (
        SourceConflictError,
        SourceDeniedError,
        SourceMissingError,
        SourceTimeoutError,
    )
}


def to_bytes(answers: Answers) -> bytes:
    """Return the answers as bytes. Raises `TypeError` for a value that no `Host` returns."""
    return json.dumps(_encoded(answers)).encode()


def from_bytes(data: bytes) -> Answers:
    """Return what `to_bytes` wrote. Raises `ValueError` for anything else."""
    try:
        answers = _decoded(json.loads(data))
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError("not the answers of a root helper") from error
    if not isinstance(answers, dict) or not all(isinstance(key, str) for key in answers):
        raise ValueError("not the answers of a root helper")
    return answers


def _encoded(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode("ascii")}
    if isinstance(value, tuple):
        return {"struct": [_encoded(item) for item in value]}
    if isinstance(value, list):
        return [_encoded(item) for item in value]
    if isinstance(value, Mapping):
        return {"map": [[_encoded(key), _encoded(item)] for key, item in value.items()]}
    if isinstance(value, SourceError):
        return {"refused": [value.outcome.value, value.detail]}
    raise TypeError(f"a {type(value).__name__} has no form on the wire")


def _decoded(value: Any) -> Any:
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, inner),) = value.items()
    if kind == "base64":
        return base64.b64decode(inner, validate=True)
    if kind == "struct":
        return tuple(_decoded(item) for item in inner)
    if kind == "map":
        return {_decoded(key): _decoded(item) for key, item in inner}
    outcome, detail = value["refused"]
    return REFUSALS[outcome]("", str(detail))
