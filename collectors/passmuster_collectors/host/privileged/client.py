"""The agent's end of the socket."""

import socket
import sys
import time

from passmuster_collectors.host.base import (
    SourceConflictError,
    SourceDeniedError,
    SourceMissingError,
    SourceTimeoutError,
)
from passmuster_collectors.host.privileged import wire
from passmuster_collectors.host.privileged.peers import peer_user
from passmuster_collectors.host.privileged.verbs import FIREWALL_SOCKET, SOCKET, Answers, Verb
from passmuster_collectors.host.system_errors import from_os_error

assert sys.platform == "linux"  # noqa: S101 - the type checker reads it too

ROOT = 0
TIMEOUT_S = 6.0
"""For all of a question: a helper that has to be started, and daemons that take their time."""


class RootHelper:
    """Asks the root helper behind a socket, and behind another one the helper for the firewall.

    systemd listens at both, so that both are root's whoever answers.
    """

    def __init__(
        self, path: str = SOCKET, *, firewall: str = FIREWALL_SOCKET, owner: int = ROOT
    ) -> None:
        self._path = path
        self._firewall = firewall
        self._owner = owner

    def answers(self, verb: Verb) -> Answers:
        """Return what the helper tells.

        Raises `SourceMissingError` where there is none, `SourceDeniedError` where it is not for
        this user, `SourceTimeoutError`, and `SourceConflictError` for a helper that is not root's
        or does not answer as one.
        """
        path = self._firewall if verb is Verb.FIREWALL else self._path
        try:
            data = self._exchange(path, verb)
        except TimeoutError:
            raise SourceTimeoutError(path, f"no answer in {TIMEOUT_S:g} s") from None
        except (FileNotFoundError, ConnectionRefusedError):
            raise SourceMissingError(path, "the root helper is not installed") from None
        except PermissionError:
            raise SourceDeniedError(path, "the root helper is not for this user") from None
        except OSError as error:
            raise from_os_error(path, error) from None
        if not data:
            raise SourceConflictError(path, "the root helper gave no answer")
        if len(data) > wire.MAX_ANSWER:
            raise SourceConflictError(path, "the root helper said too much")
        try:
            return wire.from_bytes(data)
        except ValueError:
            raise SourceConflictError(path, "not the answers of a root helper") from None

    def _exchange(self, path: str, verb: Verb) -> bytes:
        deadline = time.monotonic() + TIMEOUT_S
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as connection:
            connection.settimeout(TIMEOUT_S)
            connection.connect(path)
            if peer_user(connection) != self._owner:
                raise SourceConflictError(path, "the root helper is not root's")
            connection.sendall(f"{verb}\n".encode("ascii"))
            data = bytearray()
            while len(data) <= wire.MAX_ANSWER:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError
                connection.settimeout(left)
                if not (piece := connection.recv(65_536)):
                    break
                data += piece
        return bytes(data)
