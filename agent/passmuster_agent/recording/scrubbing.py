"""A recorded machine with every identifier replaced by its stand-in, wherever it stands."""

import base64
import json
import re
from collections.abc import Iterable
from functools import partial
from typing import Any

from passmuster_agent.recording import identifiers
from passmuster_agent.recording.pseudonyms import Pseudonyms


def scrubbed(
    machine: dict[str, Any], pseudonyms: Pseudonyms, also: Iterable[str] = ()
) -> dict[str, Any]:
    """Return the machine without identifiers; `also` are names that it may not have told itself."""
    files = machine.get("files", {})
    accounts = files.get(identifiers.ACCOUNTS)
    found = identifiers.names(machine) | {name for name in also if len(name) >= identifiers.LEAST}
    if isinstance(accounts, str):
        files = {**files, identifiers.ACCOUNTS: identifiers.without_people(accounts)}
        machine = {**machine, "files": files}
    cleaned: dict[str, Any] = _Scrubber(found, pseudonyms).value(machine)
    return cleaned


class _Scrubber:
    def __init__(self, names: set[str], pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms
        # The longest first: a name may hold a shorter one.
        ordered = sorted(
            (name for name in names if not identifiers.HEXADECIMAL.fullmatch(name)),
            key=len,
            reverse=True,
        )
        words = "|".join(re.escape(name) for name in ordered)
        self._names = re.compile(rf"(?<![A-Za-z0-9])(?:{words})(?![A-Za-z0-9])") if words else None
        # As numbers in lists and hexadecimal text, which is how names of networks come.
        self._stand_ins = {
            name.encode("utf-8", "surrogatepass"): pseudonyms.text(name).encode("utf-8", "replace")
            for name in ordered
        }

    def value(self, value: Any, key: str = "") -> Any:
        """Return a part of the machine, `key` being where it stands."""
        if isinstance(value, str):
            return self._hexadecimal(value) if key == "elements" else self._text(value)
        if isinstance(value, dict):
            if set(value) == {"base64"}:
                return {"base64": self._encoded(value["base64"])}
            if key == "power_settings":
                return value  # settings by numbers of Windows' own
            if key == "registry":
                return {self._named(name): self.value(item) for name, item in value.items()}
            return {self._text(name): self.value(item, name) for name, item in value.items()}
        if isinstance(value, list):
            if value and all(type(item) is int and 0 <= item < 256 for item in value):
                return list(self._bytes(bytes(value)))
            return [self.value(item) for item in value]
        return value

    def _text(self, text: str) -> str:
        def number(found: "re.Match[str]") -> str:
            if identifiers.WELL_KNOWN.fullmatch(found[0]):
                return found[0]
            return self._pseudonyms.hexadecimal(found[0])

        return identifiers.HEXADECIMAL.sub(number, self._named(text))

    def _named(self, text: str) -> str:
        """Replace names alone: keys of the registry hold numbers that are Windows' own."""

        def name(found: "re.Match[str]") -> str:
            return self._pseudonyms.text(found[0])

        if self._names is not None:
            text = self._names.sub(name, text)
        return identifiers.SECURITY_IDENTIFIER.sub(partial(_identifier, self._pseudonyms), text)

    def _bytes(self, data: bytes) -> bytes:
        for name, stand_in in self._stand_ins.items():
            if len(name) == len(stand_in):
                data = data.replace(name, stand_in)
        return data

    def _encoded(self, text: str) -> str:
        return base64.b64encode(self._bytes(base64.b64decode(text))).decode("ascii")

    def _hexadecimal(self, text: str) -> str:
        try:
            return self._bytes(bytes.fromhex(text)).hex()
        except ValueError:
            return text


def _identifier(pseudonyms: Pseudonyms, found: "re.Match[str]") -> str:
    return "S-1-5-21-" + pseudonyms.text(found[0].removeprefix("S-1-5-21-"))


def to_json(machine: dict[str, Any]) -> str:
    """Return the machine as its file has it."""
    return json.dumps(machine, indent=1, ensure_ascii=False) + "\n"
