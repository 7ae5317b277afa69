"""Any machine, with every question that is asked of it and every answer noted."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from passmuster_collectors.host.base import Host, SourceConflictError, SourceError

KEPT_OUT = "kept out of recordings"


@dataclass(frozen=True)
class Asked:
    """One question: the method of `Host`, its arguments by name, and the answer or the refusal."""

    method: str
    arguments: dict[str, Any]
    answer: Any


def recording(own: Host, notes: list[Asked], keep_out: Callable[[str], bool]) -> Host:
    """Return `own` as a machine that puts down in `notes` what is asked of it.

    Files for which `keep_out` is true are refused as a conflict: they hold more than a recording
    should, and a reader that asks elsewhere instead makes one that has what it needs.
    """
    # It has every method of the protocol, whatever system `own` is: those are passed on.
    return cast(Host, _Recording(own, notes, keep_out))


class _Recording:
    def __init__(self, own: Host, notes: list[Asked], keep_out: Callable[[str], bool]) -> None:
        self._own = own
        self._notes = notes
        self._keep_out = keep_out

    def __getattr__(self, method: str) -> Any:
        found = getattr(self._own, method)
        if method in ("now", "keyed_hash", "recall", "keep") or not callable(found):
            return found
        signature = inspect.signature(found)

        def ask(*positional: Any, **named: Any) -> Any:
            bound = signature.bind(*positional, **named)
            bound.apply_defaults()
            arguments = dict(bound.arguments)
            try:
                if method == "read_file" and self._keep_out(arguments["path"]):
                    raise SourceConflictError(arguments["path"], KEPT_OUT)
                answer = found(*positional, **named)
            except SourceError as error:
                self._notes.append(Asked(method, arguments, error))
                raise
            self._notes.append(Asked(method, arguments, answer))
            return answer

        return ask
