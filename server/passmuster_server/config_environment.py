"""Settings from the environment, as containers and units give them: `PASSMUSTER_SERVER_LISTEN`."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

PREFIX = "PASSMUSTER_SERVER_"

_TRUTH = {"true": True, "false": False}
_TRUE_OR_FALSE = frozenset({"behind_proxy"})
_NUMBERS = frozenset({"history_days", "decision_days", "drain_seconds", "traces_percent"})
_LISTS = frozenset({"trusted_proxies"})


def from_environment(environment: Mapping[str, str], mistakes: list[str]) -> dict[str, Any]:
    """Return the settings that are given, each in its type; what has another stays a text.

    A list is separated by commas. A password in the database's URL is a mistake: every process of
    this user, and whoever reads a crash report, sees the environment.
    """
    found = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(PREFIX) and value
    }
    if _has_password(found.get("database", "")):
        mistakes.append("database: a password has no place in the environment; use ~/.pgpass")
    return {key: _typed(key, value) for key, value in found.items()}


def _typed(key: str, value: str) -> Any:
    if key in _TRUE_OR_FALSE:
        return _TRUTH.get(value.lower(), value)
    if key in _NUMBERS and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    if key in _LISTS:
        return [part.strip() for part in value.split(",")]
    return value


def _has_password(url: str) -> bool:
    try:
        return bool(url) and make_url(url).password is not None
    except ArgumentError:
        return False
