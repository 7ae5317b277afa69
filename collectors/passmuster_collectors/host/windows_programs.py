"""A program run under a deadline and a cap on what it may print, on Windows."""

import ctypes
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import PureWindowsPath
from typing import IO

from passmuster_collectors.host.answers import Completed
from passmuster_collectors.host.base import (
    SourceConflictError,
    SourceMissingError,
    SourceTimeoutError,
)
from passmuster_collectors.host.commands import Program
from passmuster_collectors.host.dll import DWORD, POINTER, Function, last_error
from passmuster_collectors.host.system_errors import from_os_error
from passmuster_collectors.host.windows_errors import from_code, functions

GET_SYSTEM_DIRECTORY = Function("kernel32.dll", "GetSystemDirectoryW", DWORD, (POINTER, DWORD))

MAX_OUTPUT = 4 * 1024 * 1024
"""Most bytes that are read from standard output and standard error, each."""

MAX_PATH = 32_768
NO_WINDOW = 0x08000000  # CREATE_NO_WINDOW, winbase.h


def system_directory() -> str:
    r"""Return where Windows keeps its programs, `C:\Windows\System32` mostly.

    By Windows' own word: anybody can change what the environment says. Raises `SourceError`.
    """
    ask = functions("system directory", GET_SYSTEM_DIRECTORY)[GET_SYSTEM_DIRECTORY.name]
    buffer = (ctypes.c_uint16 * MAX_PATH)()
    length = ask(buffer, MAX_PATH)
    if not 0 < length < MAX_PATH:
        raise from_code("system directory", last_error())
    return bytes(buffer)[: length * 2].decode("utf-16-le", "replace")


def environment_for(system: str, more: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of every program: what Windows needs, `more`, and nothing else."""
    windows = str(PureWindowsPath(system).parent)
    return {
        **more,
        "SystemRoot": windows,
        "windir": windows,
        "SystemDrive": PureWindowsPath(system).drive,
        "PATH": f"{system};{windows}",
        "PATHEXT": ".EXE",
        "TEMP": f"{windows}\\Temp",
        "TMP": f"{windows}\\Temp",
    }


def run(
    program: Program,
    folder: str,
    arguments: tuple[str, ...],
    environment: Mapping[str, str],
    timeout_s: float,
) -> Completed:
    """Run `program`, whose paths lie in `folder`, to its end with nothing on standard input.

    Past `timeout_s` it is killed. Raises `SourceMissingError` where none of its paths exists,
    `SourceDeniedError` where it may not be started, `SourceTimeoutError`, and
    `SourceConflictError` for more than `MAX_OUTPUT` bytes.
    """
    name = program.paths[0]
    deadline = time.monotonic() + timeout_s
    child = _start(program, folder, arguments, environment)
    outputs = (bytearray(), bytearray())
    readers = [
        threading.Thread(target=_read, args=(child, pipe, output), daemon=True)
        for pipe, output in zip((child.stdout, child.stderr), outputs, strict=True)
        if pipe is not None
    ]
    try:
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join(max(0.0, deadline - time.monotonic()))
        if any(len(output) > MAX_OUTPUT for output in outputs):
            raise SourceConflictError(name, f"printed more than {MAX_OUTPUT} bytes")
        if any(reader.is_alive() for reader in readers):
            raise SourceTimeoutError(name, f"no answer in {timeout_s:g} s")
        status = child.wait(timeout=max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise SourceTimeoutError(name, f"no answer in {timeout_s:g} s") from None
    finally:
        _end(child, readers)
    return Completed(status, bytes(outputs[0]), bytes(outputs[1]))


def _start(
    program: Program, folder: str, arguments: tuple[str, ...], environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    for path in program.paths:
        try:
            return subprocess.Popen(
                [f"{folder}{path}", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=folder,
                env=dict(environment),
                creationflags=NO_WINDOW if sys.platform == "win32" else 0,
            )
        except FileNotFoundError:
            continue
        except OSError as error:
            raise from_os_error(path, error) from None
        except ValueError:
            raise SourceConflictError(path, "an argument holds a NUL character") from None
    raise SourceMissingError(program.paths[0])


def _read(child: subprocess.Popen[bytes], pipe: IO[bytes], output: bytearray) -> None:
    # Pipes can't be waited for together on Windows, so each has a thread.
    while chunk := pipe.read(65_536):
        output += chunk
        if len(output) > MAX_OUTPUT:
            child.kill()
            return


def _end(child: subprocess.Popen[bytes], readers: list[threading.Thread]) -> None:
    child.kill()
    child.wait()
    for reader, pipe in zip(readers, (child.stdout, child.stderr), strict=True):
        reader.join(1.0)
        # Somebody it started may hold the pipe open; closing it under the reader would hang.
        if pipe is not None and not reader.is_alive():
            pipe.close()
