"""The part of a recording that only Windows has, see `tests/support/recorded_windows.py`."""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from passmuster_agent.recording.values import Section, number_or_text, refusal
from passmuster_collectors.host.base import SourceError, SourceMissingError
from passmuster_collectors.host.recording import Asked

ENCODED = "-EncodedCommand"


def program_line(name: str, arguments: Sequence[str]) -> str:
    """Return how a recording calls a program: a script that PowerShell ran by its first line."""
    if ENCODED in arguments:
        script = base64.b64decode(arguments[-1]).decode("utf-16-le")
        return f"{name} {script.splitlines()[0]}"
    return " ".join((name, *arguments))


class Sections:
    """The sections of a recording as they grow."""

    def __init__(self) -> None:
        self._sections: dict[str, Any] = {}

    def _in(self, name: str) -> Section:
        section: Section = self._sections.setdefault(name, {})
        return section

    def _put(self, name: str, key: str, found: Any, value: Callable[[Any], Any]) -> None:
        """Put down an answer or a refusal; what is missing is left out, which says the same."""
        if isinstance(found, SourceMissingError):
            return
        self._in(name)[key] = refusal(found) if isinstance(found, SourceError) else value(found)


class WindowsPart(Sections):
    """Writes what Windows was asked."""

    @property
    def windows_writers(self) -> Mapping[str, Callable[[Asked], None]]:
        """Return what writes which question."""
        return {
            "registry_value": self._registry_value,
            "registry_keys": self._registry_keys,
            "shell_number": self._shell_number,
            "power_setting": self._power_setting,
            "power_capabilities": self._power_capabilities,
        }

    def _registry_value(self, asked: Asked) -> None:
        key = f"{asked.arguments['hive']}\\{asked.arguments['key']}"
        if not isinstance(asked.answer, SourceMissingError):
            self._in("registry").setdefault(key, {})[asked.arguments["name"]] = number_or_text(
                asked.answer
            )

    def _registry_keys(self, asked: Asked) -> None:
        key = f"{asked.arguments['hive']}\\{asked.arguments['key']}"
        if isinstance(asked.answer, SourceMissingError):
            return
        if isinstance(asked.answer, SourceError):
            self._in("registry")[key] = refusal(asked.answer)
            return
        for name in ("", *asked.answer):
            self._in("registry").setdefault(f"{key}\\{name}".rstrip("\\"), {})

    def _shell_number(self, asked: Asked) -> None:
        key = f"{asked.arguments['path']} {asked.arguments['name']}"
        self._put("shell_numbers", key, asked.answer, int)

    def _power_setting(self, asked: Asked) -> None:
        key = f"{asked.arguments['subgroup']}/{asked.arguments['setting']}"
        self._put("power_settings", key, asked.answer, asdict)

    def _power_capabilities(self, asked: Asked) -> None:
        self._put("power", "capabilities", asked.answer, asdict)
