"""The recorded outputs of real machines, read in place from `../shared/recordings`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.tools import require_recordings


@dataclass(frozen=True)
class RecordedCase:
    """One recorded input and what a parser must find in it; `facts` are in the recorder's words."""

    name: str
    content: bytes
    facts: Mapping[str, Any]
    outcome: str | None

    @property
    def text(self) -> str:
        """The input as text."""
        return self.content.decode("utf-8", "replace")


def recorded_case(name: str) -> RecordedCase:
    """Return `<platform>/<signal>/<case>`; skip (in CI: fail) where there are no recordings."""
    return _load(require_recordings(), name)


def recorded_names(platform: str) -> list[str]:
    """Return every case of a platform as `<platform>/<signal>/<case>`, sorted."""
    recordings = require_recordings()
    found = (recordings / platform).glob("*/*/case.json")
    return sorted(str(each.parent.relative_to(recordings)) for each in found)


def _load(recordings: Path, name: str) -> RecordedCase:
    folder = recordings / name
    case = json.loads((folder / "case.json").read_text(encoding="utf-8"))
    (recorded,) = folder.glob("input.*")
    return RecordedCase(name, recorded.read_bytes(), case.get("facts", {}), case.get("outcome"))
