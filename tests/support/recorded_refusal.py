"""What a source of a recorded machine does instead of answering: `{"error": …, "detail": …}`."""

from collections.abc import Mapping
from typing import Any

from passmuster_collectors.host.base import (
    SourceConflictError,
    SourceDeniedError,
    SourceError,
    SourceMissingError,
    SourceTimeoutError,
)

ERRORS: Mapping[str, type[SourceError]] = {
    "denied": SourceDeniedError,
    "missing": SourceMissingError,
    "timeout": SourceTimeoutError,
    "conflict": SourceConflictError,
}


def is_refusal(value: Any) -> bool:
    """Whether the source refuses."""
    return isinstance(value, dict) and set(value) <= {"error", "detail"} and "error" in value


def raise_if_refused(source: str, value: Any) -> None:
    """Raise the source's error where it refuses."""
    if is_refusal(value):
        raise ERRORS[value["error"]](source, value.get("detail", ""))
