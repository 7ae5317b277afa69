"""What readers would rather not find out twice, in the state directory."""

import contextlib
from pathlib import Path
from typing import Any

from passmuster_agent import private_files
from passmuster_agent.errors import AgentError
from passmuster_collectors.contract import strict_json
from passmuster_collectors.contract.canonical import canonical_bytes
from passmuster_collectors.contract.errors import ContractError

MAX_BYTES = 65_536


class StateNotebook:
    """Notes in files of this user alone, one for each name, `noted-<name>.json`.

    Losing one costs time and nothing else, so nothing is raised. Where there is no state directory
    none is made: a look at a laptop leaves nothing behind.
    """

    def __init__(self, state: Path) -> None:
        self._state = state

    def recall(self, name: str) -> Any:
        """Return what was kept under the name: plain JSON; None where nothing is to be had."""
        try:
            return strict_json.parse(private_files.read(self._path(name)), max_bytes=MAX_BYTES)
        except (OSError, AgentError, ContractError):
            return None

    def keep(self, name: str, value: Any) -> None:
        """Keep plain JSON under the name, in the place of what was kept before."""
        if self._state.is_dir():
            with contextlib.suppress(OSError):
                private_files.replace(self._path(name), canonical_bytes(value))

    def _path(self, name: str) -> Path:
        return self._state / f"noted-{name}.json"
