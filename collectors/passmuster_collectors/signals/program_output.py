"""What programs print, in the shapes that are made for other programs."""

from typing import Any

from passmuster_collectors.contract import strict_json
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.host.answers import Completed
from passmuster_collectors.host.base import Host, SourceConflictError
from passmuster_collectors.host.commands import Program

MAX_JSON = 4 * 1024 * 1024
MAX_JSON_DEPTH = 64


def succeeded(program: Program, completed: Completed) -> bytes:
    """Return what the program printed; `SourceConflictError` unless it says that it succeeded."""
    if completed.status != 0:
        raise SourceConflictError(program.paths[0], f"exit status {completed.status}")
    return completed.stdout


def printed_plist(
    host: Host, program: Program, *arguments: str, timeout_s: float = 5.0
) -> dict[str, Any] | list[Any]:
    """Return the property list that a program prints. Raises `SourceError`."""
    completed = host.run(program, *arguments, timeout_s=timeout_s)
    return parsed_plist(program.paths[0], succeeded(program, completed))


def plist_file(host: Host, path: str) -> dict[str, Any]:
    """Return the dictionary in a property list file. Raises `SourceError`."""
    value = parsed_plist(path, host.read_file(path))
    if not isinstance(value, dict):
        raise SourceConflictError(path, "not a dictionary")
    return value


def parsed_plist(name: str, data: bytes) -> dict[str, Any] | list[Any]:
    """Return a property list whose outermost value is a container. Raises `SourceConflictError`."""
    from passmuster_collectors.text import plist  # noqa: PLC0415 - Linux prints none

    try:
        value = plist.parse(data)
    except plist.PlistError as error:
        raise SourceConflictError(name, str(error)) from None
    if not isinstance(value, dict | list):
        raise SourceConflictError(name, "neither a dictionary nor a list")
    return value


def parsed_json(name: str, data: bytes) -> Any:
    """Return the JSON value that a program prints. Raises `SourceConflictError`."""
    try:
        return strict_json.parse(data, max_bytes=MAX_JSON, max_depth=MAX_JSON_DEPTH)
    except ContractError as error:
        raise SourceConflictError(name, error.problem) from None
