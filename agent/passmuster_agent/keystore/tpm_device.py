"""The way to the TPM: one command in, one response out, through Linux's resource manager.

The kernel keeps apart what several programs have loaded into the TPM, and unloads what is left
behind when the file is closed. A Unix socket that speaks the same bytes serves as well.
"""

import contextlib
import grp
import os
import select
import socket
import stat
import struct
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from passmuster_agent.errors import because
from passmuster_agent.keystore.interface import KeyStoreError

assert sys.platform == "linux"  # noqa: S101 - the type checker reads it too

PATH = Path("/dev/tpmrm0")
"""The resource manager of the first TPM, which only a TPM 2.0 has (Linux 4.12 and newer)."""

MAX_RESPONSE = 4096
"""The kernel's own bound for a command and a response (TPM_BUFSIZE, drivers/char/tpm/tpm.h)."""

ANSWER_S = 60.0
"""Making a key takes slow chips many seconds; the kernel's own limits are minutes."""

HEADER = struct.Struct(">HII")
"""Tag, size of the whole, and command or response code (Part 1, section 18)."""


class TpmDevice:
    """An open TPM. Raises `KeyStoreError` that tells a missing one from one that is not allowed."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or PATH
        try:
            self._descriptor = _open(self._path)
        except FileNotFoundError:
            raise KeyStoreError(
                f"This laptop has no TPM 2.0 that Linux knows ({self._path} is not there).",
                "Switch it on in the firmware's setup (TPM, PTT or fTPM), or use another tier.",
            ) from None
        except PermissionError:
            raise _denied(self._path) from None
        except OSError as error:
            raise _broken(self._path, because(error)) from None

    def transmit(self, command: bytes) -> bytes:
        """Send one command and return the whole response, header included."""
        deadline = time.monotonic() + ANSWER_S
        try:
            self._wait(select.POLLOUT, deadline)
            if os.write(self._descriptor, command) != len(command):
                raise _broken(self._path, "it took half of a command")
            response = b""
            while len(response) < HEADER.size or len(response) < HEADER.unpack_from(response)[1]:
                self._wait(select.POLLIN, deadline)
                piece = os.read(self._descriptor, MAX_RESPONSE)
                response += piece
                if not piece or len(response) > MAX_RESPONSE:
                    raise _broken(self._path, "its answer is cut short or too long")
        except OSError as error:
            raise _broken(self._path, because(error)) from None
        if len(response) != HEADER.unpack_from(response)[1]:
            raise _broken(self._path, "its answer has another length than it says")
        return response

    def _wait(self, event: int, deadline: float) -> None:
        poll = select.poll()
        poll.register(self._descriptor, event)
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise _broken(self._path, f"no answer in {ANSWER_S:.0f} s")

    def close(self) -> None:
        """Close it; the kernel unloads what this process has loaded."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _open(path: Path) -> int:
    if not stat.S_ISSOCK(path.stat().st_mode):
        # Without O_NONBLOCK the write itself would last as long as the TPM works on the command.
        return os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with contextlib.closing(connection):
        connection.connect(str(path))
        connection.setblocking(False)
        return connection.detach()


def _denied(path: Path) -> KeyStoreError:
    """Return what to do: join the group that may use the TPM, or first let there be one."""
    group = _group(path)
    if group is None:
        return KeyStoreError(
            f"Only root may use the TPM {path}.",
            "Install the package that gives it to the group tss (Debian: tpm-udev), and add "
            "the agent's user to that group.",
        )
    return KeyStoreError(
        f"This user may not use the TPM {path}: it is for the group {group}.",
        f"Add the agent's user to it (as root: usermod -aG {group} USER), then start the agent "
        "anew.",
    )


def _group(path: Path) -> str | None:
    """Return the group that may read and write the device, unless that is root's."""
    try:
        found = path.stat()
    except OSError:
        return None
    if found.st_gid == 0 or found.st_mode & 0o060 != 0o060:
        return None
    try:
        return grp.getgrgid(found.st_gid).gr_name
    except KeyError:
        return str(found.st_gid)


def _broken(path: Path, detail: str) -> KeyStoreError:
    return KeyStoreError(
        f"The TPM {path} does not answer ({detail}).",
        "Restart this laptop; if that does not help, ask IT.",
    )
