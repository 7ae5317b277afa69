"""What was asked of a machine, in the shape of `tests/recordings/<platform>/*/machine.json`.

That shape is described in `tests/support/recorded_host.py`, which answers from it. What is missing
is the default there and is left out.
"""

import json
import posixpath
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any

from passmuster_agent.recording.values import (
    Section,
    answer,
    content,
    fields,
    plain,
    process,
    refusal,
)
from passmuster_agent.recording.windows_part import WindowsPart, program_line
from passmuster_collectors.contract import codec
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.host.base import Host, SourceError, SourceMissingError
from passmuster_collectors.host.recording import Asked

MAX_LINKS = 40
LISTS = frozenset(
    {
        "network_interfaces",
        "usb_devices",
        "storage_volumes",
        "wireless_connections",
        "network_adapters",
        "network_routes",
        "present_devices",
        "user_sessions",
    }
)
"""Questions without arguments whose answers are lists of classes."""

VARIABLES = frozenset(
    {
        "DCONF_PROFILE",
        "DISPLAY",
        "GSETTINGS_BACKEND",
        "XAUTHORITY",
        "XDG_CONFIG_DIRS",
        "XDG_CONFIG_HOME",
        "XDG_CURRENT_DESKTOP",
        "XDG_DATA_DIRS",
        "XDG_SESSION_ID",
    }
)


def machine(host: Host, notes: Iterable[Asked]) -> dict[str, Any]:
    """Return the machine that answers as `host` did. Raises `NotImplementedError`.

    That is for a question whose answer has no place in a recording yet.
    """
    draft = Draft(host.platform)
    made: dict[str, Any] = {
        "platform": host.platform.value,
        "uid": host.uid,
        "now": codec.format_time(host.now()),
    }
    ordered = sorted(notes, key=lambda asked: asked.method != "resolve")
    for asked in ordered:
        write = draft.writers.get(asked.method)
        if asked.method in LISTS:
            draft.write_list(asked)
        elif write is not None:
            write(asked)
        else:
            raise NotImplementedError(f"{asked.method} cannot be recorded yet")
    return made | draft.finished()


class Draft(WindowsPart):
    """The sections as they grow, one answer after the other."""

    def __init__(self, platform: Platform) -> None:
        self._windows = platform is Platform.WINDOWS
        super().__init__()
        self._resolved: set[str] = set()
        self._environments: dict[int, Any] = {}
        self.writers: Mapping[str, Callable[[Asked], None]] = {
            "resolve": self._resolve,
            "read_file": self._file,
            "list_directory": self._directory,
            "file_status": self._status,
            "run": self._program,
            "bus_get": self._bus_get,
            "bus_get_all": self._bus_get_all,
            "bus_call": self._bus_call,
            "processes": self._processes,
            "process_environment": self._environment,
            "account": self._account,
            "is_encrypted_folder": self._folder_encryption,
            "testimony": self._testimony,
            "wireless_state": self._wireless,
            "outgoing_interface": self._outgoing,
            **self.windows_writers,
        }

    def finished(self) -> dict[str, Any]:
        """Return the sections; what was resolved and never read is an empty folder."""
        for each in self._sections.get("processes", ()):
            if each["pid"] in self._environments:
                each["environment"] = self._environments[each["pid"]]
        known = [
            path
            for name in ("files", "directories", "status")
            for path in self._sections.get(name, {})
        ]
        for real in sorted(self._resolved):
            if not any(path == real or path.startswith(f"{real}/") for path in known):
                self._in("directories")[real] = []
        return self._sections

    def write_list(self, asked: Asked) -> None:
        """Put down a list of classes."""
        if isinstance(asked.answer, SourceError):
            if not isinstance(asked.answer, SourceMissingError):
                self._in("refuse")[asked.method] = refusal(asked.answer)
        else:
            self._sections[asked.method] = [fields(asdict(item)) for item in asked.answer]

    def _resolve(self, asked: Asked) -> None:
        path, real = asked.arguments["path"], asked.answer
        if isinstance(real, str):
            self._resolved.add(real)
            if posixpath.normpath(path) != real:
                self._in("links")[posixpath.normpath(path)] = real
        else:
            self._put("links", posixpath.normpath(path), real, str)

    def _file(self, asked: Asked) -> None:
        self._put("files", self._follow(asked.arguments["path"]), asked.answer, content)

    def _directory(self, asked: Asked) -> None:
        self._put("directories", self._follow(asked.arguments["path"]), asked.answer, list)

    def _status(self, asked: Asked) -> None:
        def value(found: Any) -> Section:
            made = {
                "device": list(found.device),
                "owner": found.owner,
                "mode": f"{found.mode:o}",
                "size": found.size,
            }
            when = found.modified
            return made if when is None else made | {"modified": codec.format_time(when)}

        self._put("status", self._follow(asked.arguments["path"]), asked.answer, value)

    def _program(self, asked: Asked) -> None:
        line = program_line(asked.arguments["program"].name, asked.arguments["arguments"])
        if asked.arguments["user"] is not None:
            line = f"{asked.arguments['user']}:{line}"

        def value(done: Any) -> Section:
            found = {"status": done.status, "stdout": content(done.stdout)}
            return found | ({"stderr": content(done.stderr)} if done.stderr else {})

        self._put("programs", line, asked.answer, value)

    def _interface(self, arguments: Mapping[str, Any]) -> Section:
        key = f"{arguments['bus']} {arguments['name']} {arguments['path']}"
        interface: Section = (
            self._in("bus").setdefault(key, {}).setdefault(arguments["interface"], {})
        )
        return interface

    def _bus_get(self, asked: Asked) -> None:
        properties = self._interface(asked.arguments).setdefault("properties", {})
        properties[asked.arguments["member"]] = answer(asked.answer)

    def _bus_get_all(self, asked: Asked) -> None:
        interface = self._interface(asked.arguments)
        if not isinstance(asked.answer, SourceError):
            interface.setdefault("properties", {}).update(plain(asked.answer))
        elif not interface:
            interface.update(refusal(asked.answer))

    def _bus_call(self, asked: Asked) -> None:
        methods = self._interface(asked.arguments).setdefault("methods", {})
        given = ",".join(json.dumps(argument) for argument in asked.arguments["arguments"])
        member = asked.arguments["member"]
        found = asked.answer if isinstance(asked.answer, SourceError) else list(asked.answer)
        methods[f"{member}({given})" if given else member] = answer(found)

    def _processes(self, asked: Asked) -> None:
        if isinstance(asked.answer, SourceError):
            self._in("refuse")["processes"] = refusal(asked.answer)
        else:
            self._sections["processes"] = [process(each) for each in asked.answer]

    def _environment(self, asked: Asked) -> None:
        found = asked.answer
        if not isinstance(found, SourceError):
            found = {name: value for name, value in found.items() if name in VARIABLES}
        self._environments[asked.arguments["pid"]] = answer(found)

    def _account(self, asked: Asked) -> None:
        if not isinstance(asked.answer, SourceError):
            known = self._sections.setdefault("accounts", [])
            known += [each for each in [asdict(asked.answer)] if each not in known]

    def _folder_encryption(self, asked: Asked) -> None:
        if asked.answer is not False:
            self._put("fscrypt", asked.arguments["path"], asked.answer, bool)

    def _testimony(self, asked: Asked) -> None:
        user = str(asked.arguments["uid"])
        if isinstance(asked.answer, SourceError):
            self._put("companions", user, asked.answer, str)
        else:
            self._in("companions").setdefault(user, {})[asked.arguments["signal"]] = asked.answer

    def _wireless(self, asked: Asked) -> None:
        def value(found: Any) -> Section:
            points = [asdict(point) for point in found.points]
            return {
                "joins": found.joins,
                "points": [each | {"elements": each["elements"].hex()} for each in points],
            }

        self._put("wireless", asked.arguments["interface"], asked.answer, value)

    def _outgoing(self, asked: Asked) -> None:
        if not isinstance(asked.answer, SourceMissingError):
            self._in("outgoing")[asked.arguments["address"]] = answer(asked.answer)

    def _follow(self, path: str) -> str:
        if self._windows:
            return path
        links = self._sections.get("links", {})
        path = posixpath.normpath(path)
        for _ in range(MAX_LINKS):
            parts = path.split("/")
            heads = ("/".join(parts[:end]) for end in range(2, len(parts) + 1))
            head = next((each for each in heads if isinstance(links.get(each), str)), None)
            if head is None:
                break
            path = posixpath.normpath(links[head] + path[len(head) :])
        return path
