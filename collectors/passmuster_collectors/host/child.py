"""A program run under a deadline and a cap on what it may print."""

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import TypedDict

from passmuster_collectors.host.answers import Completed
from passmuster_collectors.host.base import (
    SourceConflictError,
    SourceMissingError,
    SourceTimeoutError,
)
from passmuster_collectors.host.commands import Program
from passmuster_collectors.host.system_errors import from_os_error

assert sys.platform != "win32"  # noqa: S101 - the type checker reads it too

MAX_OUTPUT = 4 * 1024 * 1024
"""Most bytes that are read from standard output and standard error, each."""


class Identity(TypedDict, total=False):
    """The numeric user and groups that a program runs as; empty: those of this process."""

    user: int
    group: int
    extra_groups: list[int]


def run(
    program: Program,
    arguments: tuple[str, ...],
    environment: Mapping[str, str],
    identity: Identity,
    timeout_s: float,
) -> Completed:
    """Run `program` to its end in `/`, with nothing on standard input.

    Past `timeout_s` it is killed together with all it started in its process group. Raises
    `SourceMissingError` where none of its paths exists, `SourceDeniedError` where it may not be
    started, `SourceTimeoutError`, and `SourceConflictError` for more than `MAX_OUTPUT` bytes.
    """
    deadline = time.monotonic() + timeout_s
    child = _start(program, arguments, environment, identity)
    try:
        stdout, stderr = _read_both(child, program.paths[0], deadline)
        status = child.wait(timeout=max(0.0, deadline - time.monotonic()))
    except (TimeoutError, subprocess.TimeoutExpired):
        raise SourceTimeoutError(program.paths[0], f"no answer in {timeout_s:g} s") from None
    finally:
        _kill(child)
        for pipe in (child.stdout, child.stderr):
            if pipe is not None:
                pipe.close()
    return Completed(status, stdout, stderr)


def _start(
    program: Program,
    arguments: tuple[str, ...],
    environment: Mapping[str, str],
    identity: Identity,
) -> subprocess.Popen[bytes]:
    for path in program.paths:
        try:
            return subprocess.Popen(
                [path, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd="/",
                env=dict(environment),
                start_new_session=True,
                **identity,
            )
        except FileNotFoundError:
            continue
        except OSError as error:
            raise from_os_error(path, error) from None
        except ValueError:
            raise SourceConflictError(path, "an argument holds a NUL character") from None
    raise SourceMissingError(program.paths[0])


def _read_both(child: subprocess.Popen[bytes], name: str, deadline: float) -> tuple[bytes, bytes]:
    pipes = (child.stdout, child.stderr)
    collected: dict[int, bytearray] = {}
    with selectors.DefaultSelector() as selector:
        for pipe in pipes:
            if pipe is not None:
                collected[pipe.fileno()] = bytearray()
                selector.register(pipe.fileno(), selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready and time.monotonic() >= deadline:
                raise TimeoutError
            for key, _ in ready:
                chunk = os.read(key.fd, 65_536)
                if not chunk:
                    selector.unregister(key.fd)
                collected[key.fd] += chunk
                if len(collected[key.fd]) > MAX_OUTPUT:
                    raise SourceConflictError(name, f"printed more than {MAX_OUTPUT} bytes")
    stdout, stderr = (
        bytes(collected[pipe.fileno()]) if pipe is not None else b"" for pipe in pipes
    )
    return stdout, stderr


def _kill(child: subprocess.Popen[bytes]) -> None:
    # Only while the leader has not been waited for does its number still mean this group.
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
