"""A real TPM 2.0 in software (swtpm), and one that answers what a test tells it to."""

import contextlib
import os
import socket
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from passmuster_agent.keystore.tpm_device import TpmDevice
from tests.support.tools import require_tool
from tests.support.unix_sockets import is_listening

READY_S = 30.0

SESSIONS = 0x8002
OWNER = 0x40000001
PASSWORD_SESSION = 0x40000009
HIERARCHY_CHANGE_AUTH = 0x129
HIERARCHY_CONTROL = 0x121
CLEAR = 0x126
EVICT_CONTROL = 0x120
PLATFORM = 0x4000000C


@dataclass
class SoftwareTpm:
    """A TPM on a Unix socket. Its state, the seeds among it, is in `folder`."""

    folder: Path
    running: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def path(self) -> Path:
        """The socket that carries commands, as `/dev/tpmrm0` does."""
        return self.folder / "tpm.sock"

    def start(self) -> None:
        """Switch it on."""
        self.path.unlink(missing_ok=True)
        with (self.folder / "log").open("ab") as log:
            self.running = subprocess.Popen(
                [
                    *(require_tool("swtpm"), "socket", "--tpm2"),
                    *("--tpmstate", f"dir={self.folder}"),
                    *("--server", f"type=unixio,path={self.path}"),
                    *("--flags", "not-need-init,startup-clear"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + READY_S
        while not is_listening(self.path):
            assert self.running.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, "swtpm did not start"
            time.sleep(0.02)

    def stop(self) -> None:
        """Switch it off."""
        if self.running is not None:
            self.running.terminate()
            self.running.wait(READY_S)
            self.running = None

    def set_owner_password(self, password: bytes) -> None:
        """Do what a system does that takes the TPM for itself."""
        self._command(HIERARCHY_CHANGE_AUTH, (OWNER,), _sized(password))

    def switch_owner_off(self) -> None:
        """Do what a firmware does whose setup disables the storage hierarchy."""
        self._command(HIERARCHY_CONTROL, (PLATFORM,), struct.pack(">IB", OWNER, 0))

    def clear(self) -> None:
        """Do what "clear the TPM" in the firmware's setup does."""
        self._command(CLEAR, (PLATFORM,), b"")

    def keep(self, handle: int, persistent: int) -> None:
        """Leave a loaded key in the TPM for good."""
        self._command(EVICT_CONTROL, (OWNER, handle), struct.pack(">I", persistent))

    def _command(self, code: int, handles: Sequence[int], parameters: bytes) -> None:
        password = struct.pack(">IIHBH", 9, PASSWORD_SESSION, 0, 0, 0)
        body = b"".join(struct.pack(">I", each) for each in handles) + password + parameters
        with TpmDevice(self.path) as device:
            answer = device.transmit(struct.pack(">HII", SESSIONS, 10 + len(body), code) + body)
        assert struct.unpack(">I", answer[6:10])[0] == 0, answer.hex()


@contextlib.contextmanager
def software_tpm() -> Iterator[SoftwareTpm]:
    """Run a TPM that is fresh from the factory."""
    # A Unix socket's path has 108 bytes at most, which pytest's folders would go beyond.
    with tempfile.TemporaryDirectory(prefix="tpm-") as folder:
        tpm = SoftwareTpm(Path(folder))
        tpm.start()
        try:
            yield tpm
        finally:
            tpm.stop()


@contextlib.contextmanager
def scripted_tpm(*answers: bytes) -> Iterator[Path]:
    """Give the socket of a TPM with these answers, one a command; then it hangs up."""
    with tempfile.TemporaryDirectory(prefix="tpm-") as folder:
        path = Path(folder) / "tpm.sock"
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
            listening.bind(os.fspath(path))
            listening.listen()
            thread = threading.Thread(target=_answer, args=(listening, list(answers)))
            thread.start()
            try:
                yield path
            finally:
                listening.shutdown(socket.SHUT_RDWR)
                thread.join()


def refused(code: int) -> bytes:
    """Return a TPM's answer that is a response code and nothing else."""
    return struct.pack(">HII", 0x8001, 10, code)


def _answer(listening: socket.socket, answers: list[bytes]) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        with connection:
            while connection.recv(4096):
                if not answers:
                    break
                connection.sendall(answers.pop(0))


def _sized(data: bytes) -> bytes:
    return struct.pack(">H", len(data)) + data
