"""The running processes as `/proc` tells of them (proc(5)).

Read here and not by a library: the one for it costs the resident agent 3.3 MiB and twice the time.
"""

import os
from collections.abc import Callable

from passmuster_collectors.host.answers import Process
from passmuster_collectors.host.base import (
    SourceConflictError,
    SourceDeniedError,
    SourceMissingError,
)

KERNELS_LONGEST_NAME = 15
"""TASK_COMM_LEN of the kernel without its NUL: a longer name is cut off there."""


def running(names: tuple[str, ...], read_file: Callable[[str], bytes]) -> tuple[Process, ...]:
    """Return the processes among the `names` in `/proc`.

    Raises `SourceDeniedError` where those of others are hidden.
    """
    found = [
        process
        for name in names
        if name.isascii() and name.isdigit() and (process := _process(int(name), read_file))
    ]
    # Mounted with hidepid=, /proc shows strangers nothing, not even the first process.
    if not any(process.pid == 1 for process in found):
        raise SourceDeniedError("/proc", "other users' processes are hidden")
    return tuple(found)


def _process(pid: int, read_file: Callable[[str], bytes]) -> Process | None:
    try:
        status = read_file(f"/proc/{pid}/status")
        comm = read_file(f"/proc/{pid}/comm")
        arguments = parse_arguments(_command_line(pid, read_file))
    except (SourceMissingError, SourceDeniedError):
        return None  # it has ended, or is hidden
    uid = parse_real_user(status)
    return Process(pid, uid, _name(os.fsdecode(comm.removesuffix(b"\n")), arguments), arguments)


def _command_line(pid: int, read_file: Callable[[str], bytes]) -> bytes:
    try:
        return read_file(f"/proc/{pid}/cmdline")
    except SourceConflictError:
        return b""  # longer than anything that is looked for


def parse_real_user(status: bytes) -> int:
    """Return the real user in a `/proc/<pid>/status`. Raises `SourceConflictError`."""
    for line in status.splitlines():
        words = line.split()
        if len(words) == 5 and words[0] == b"Uid:" and words[1].isdigit():
            return int(words[1])
    raise SourceConflictError("/proc", "a process has no user")


def parse_arguments(command_line: bytes) -> tuple[str, ...]:
    """Return the arguments in a `/proc/<pid>/cmdline`, each of which ends with a NUL.

    A process that has written another title over them parts its words by spaces, if at all.
    """
    if not command_line:
        return ()
    text = os.fsdecode(command_line)
    if not text.endswith("\0"):
        return tuple(text.split(" "))
    arguments = tuple(text[:-1].split("\0"))
    return tuple(arguments[0].split(" ")) if len(arguments) == 1 else arguments


def _name(comm: str, arguments: tuple[str, ...]) -> str:
    """Return the name whole where the kernel has cut it off and the program's own begins so."""
    if len(comm) >= KERNELS_LONGEST_NAME and arguments:
        program = arguments[0].rpartition("/")[2]
        if program.startswith(comm):
            return program
    return comm
