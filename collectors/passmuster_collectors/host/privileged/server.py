"""The root helper's end of the socket: one word in, the answers out, one connection at a time.

systemd listens and starts it when somebody connects; it ends when nobody has for a while. Who may
ask is told by the kernel (`SO_PEERCRED`, unix(7)) before a byte is read.
"""

import contextlib
import logging
import os
import pwd
import socket
import sys
import time
from collections.abc import Callable

from passmuster_collectors.host.privileged import wire
from passmuster_collectors.host.privileged.peers import peer_user
from passmuster_collectors.host.privileged.verbs import Answers, Verb

assert sys.platform == "linux"  # noqa: S101 - the type checker reads it too

log = logging.getLogger(__name__)

IDLE_S = 20.0
"""How long it stays for the next connection."""

REQUEST_WITHIN_S = 1.0
ANSWER_WITHIN_S = 2.0
MAX_REQUEST = 32
FIRST_DESCRIPTOR = 3
"""`SD_LISTEN_FDS_START` of sd_listen_fds(3)."""


class NotStartedBySystemdError(Exception):
    """No listening socket was handed over."""


def handed_over() -> socket.socket:
    """Return the socket that systemd listens on (sd_listen_fds(3)).

    Raises `NotStartedBySystemdError`.
    """
    meant = os.environ.get("LISTEN_PID") == str(os.getpid())
    if not meant or os.environ.get("LISTEN_FDS") != "1":
        raise NotStartedBySystemdError("no socket was handed over by systemd")
    listener = socket.socket(fileno=FIRST_DESCRIPTOR)
    if listener.family != socket.AF_UNIX or listener.type != socket.SOCK_STREAM:
        raise NotStartedBySystemdError("what was handed over is no stream of this machine")
    listener.set_inheritable(False)
    return listener


def may_ask(account: str) -> frozenset[int]:
    """Return the users who may ask: root, and the account, where there is one of that name."""
    try:
        return frozenset({0, pwd.getpwnam(account).pw_uid})
    except KeyError:
        return frozenset({0})


def serve(
    listener: socket.socket,
    allowed: frozenset[int],
    gather: Callable[[Verb], Answers],
    idle_s: float = IDLE_S,
) -> None:
    """Answer one connection after the other until none has come for `idle_s` seconds."""
    listener.settimeout(idle_s)
    while True:
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            return
        with connection:
            try:
                _answer(connection, allowed, gather)
            except OSError as error:
                log.warning("A connection ended early (%s).", type(error).__name__)


def _answer(
    connection: socket.socket, allowed: frozenset[int], gather: Callable[[Verb], Answers]
) -> None:
    user = peer_user(connection)
    if user not in allowed:
        log.warning("User %d may not ask.", user)
        return
    verb = _request(connection)
    if verb is None:
        log.warning("User %d sent what is none of the words.", user)
        return
    try:
        data = wire.to_bytes(gather(verb))
    except Exception as error:  # noqa: BLE001 - the next question may well be answered
        # Without the error's text: it may hold what was being read, which belongs in no log.
        log.error("%s: %s", verb, type(error).__name__)  # noqa: TRY400 - see above
        return
    if len(data) > wire.MAX_ANSWER:
        log.error("%s: more than %d bytes to answer.", verb, wire.MAX_ANSWER)
        return
    connection.settimeout(ANSWER_WITHIN_S)
    connection.sendall(data)
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_WR)


def _request(connection: socket.socket) -> Verb | None:
    """Return the word that was sent on a line of its own, None for anything else."""
    deadline = time.monotonic() + REQUEST_WITHIN_S
    received = b""
    while not received.endswith(b"\n") and len(received) <= MAX_REQUEST:
        connection.settimeout(max(0.001, deadline - time.monotonic()))
        piece = connection.recv(MAX_REQUEST + 1 - len(received))
        if not piece:
            return None
        received += piece
    with contextlib.suppress(ValueError):
        return Verb(received.removesuffix(b"\n").decode("ascii", "replace"))
    return None
