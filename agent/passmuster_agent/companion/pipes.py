"""Daemon and companion on Windows: a named pipe that carries whole messages.

A pipe can't be waited for together with sockets, so a thread reads each one and makes a socket
readable. The companion begins with a greeting: Windows tells who it is once something was read.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable

from passmuster_agent.companion.channel import Caller, ChannelClosedError, TooLongError
from passmuster_agent.companion.mailbox import Mailbox
from passmuster_agent.windows import account
from passmuster_agent.windows import pipe_api as api
from passmuster_agent.windows.pipe import (
    Client,
    Pipe,
    PipeEndedError,
    PipeMessageTooLongError,
)
from passmuster_collectors.host.base import SourceError
from passmuster_collectors.host.dll import Functions, load
from passmuster_collectors.host.windows_answers import UserSession
from passmuster_collectors.host.windows_sessions import sessions

log = logging.getLogger(__name__)

NAME = r"\\.\pipe\passmuster-agent"
COMPUTERS = frozenset({account.SYSTEM, account.ADMINISTRATORS})
"""Who may own the pipes of the computer's own daemon."""

GREETING = b"passmuster-companion"
GREETING_WITHIN_MS = 5_000
WRITTEN_WITHIN_MS = 100
MOST_WAITING = 16
"""Messages that are read before somebody takes one."""

MOST_ARRIVING = 32
LEFT_PAUSE_S = 0.05
"""After one that left before it was there, so that many of them take no time of the daemon's."""


class PipeChannel:
    """A connected pipe, read by a thread of its own."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._mailbox = Mailbox()
        self._room = threading.Semaphore(MOST_WAITING)
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="companion", daemon=True)
        self._thread.start()

    @classmethod
    def connect(cls, windows: Functions, name: str, owners: frozenset[str]) -> "PipeChannel":
        """Return a channel to the daemon that listens at `name`. Raises `OSError`."""
        pipe = Pipe.opened(windows, name, owners)
        try:
            pipe.write(GREETING, WRITTEN_WITHIN_MS)
        except PipeEndedError:
            pipe.close()
            raise OSError(0, "nobody took the greeting") from None
        return cls(pipe)

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._mailbox.fileno()

    def send(self, data: bytes) -> None:
        """Send one message. Raises `ChannelClosedError`, also where the other end reads nothing."""
        try:
            self._pipe.write(data, WRITTEN_WITHIN_MS)
        except PipeEndedError:
            raise ChannelClosedError from None

    def receive(self) -> bytes | None:
        """Return the next message, None if there is none yet.

        Raises `ChannelClosedError` at the end and `TooLongError` for more than `MAX_BYTES`.
        """
        thing = self._mailbox.take()
        if isinstance(thing, bytes):
            self._room.release()
            return thing
        if thing is None:
            return None
        raise TooLongError if isinstance(thing, PipeMessageTooLongError) else ChannelClosedError

    def close(self) -> None:
        """Close it; a second time nothing happens."""
        if self._closing:
            return
        self._closing = True
        self._pipe.end()
        self._room.release()
        self._thread.join()
        self._pipe.close()
        self._mailbox.close()

    def _run(self) -> None:
        while True:
            self._room.acquire()
            if self._closing:
                return
            try:
                self._mailbox.put(self._pipe.read())
            except (PipeEndedError, PipeMessageTooLongError) as error:
                self._mailbox.put(error)
                return


class PipeDoor:
    """The pipe of this computer's daemon, or of a person's own. Raises `OSError`.

    `admit` tells what is known of a client. There is always one instance that nobody is connected
    to, so that nobody else can make a pipe of that name.
    """

    def __init__(
        self, windows: Functions, name: str, access_list: str, admit: Callable[[Client], Caller]
    ) -> None:
        self._windows = windows
        self._name = name
        self._access_list = access_list
        self._admit = admit
        self._arriving = threading.BoundedSemaphore(MOST_ARRIVING)
        self._closing = False
        self._pipe = self._made(first=True)
        self._arrived = Mailbox()
        self._thread = threading.Thread(target=self._run, name="companions", daemon=True)
        self._thread.start()

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._arrived.fileno()

    def accept(self) -> tuple[PipeChannel, Caller] | None:
        """Let the next one in; None where nobody is there any more."""
        come = self._arrived.take()
        if not isinstance(come, tuple):
            return None
        pipe, caller = come
        return PipeChannel(pipe), caller

    def close(self) -> None:
        """Listen no more; whoever is still arriving is let go by the thread that greets."""
        if self._closing:
            return
        self._closing = True
        self._pipe.end()
        self._thread.join()
        while isinstance(come := self._arrived.take(), tuple):
            come[0].close()
        self._arrived.close()

    def _made(self, *, first: bool = False) -> Pipe:
        return Pipe.made(self._windows, self._name, self._access_list, first=first)

    def _run(self) -> None:
        while not self._closing:
            try:
                self._pipe.connect()
                following = self._made()
            except PipeEndedError:
                self._pipe.disconnect()
                time.sleep(LEFT_PAUSE_S)
                continue
            except OSError as error:
                log.warning("No more companions can be heard (%s).", error.strerror)
                break
            come, self._pipe = self._pipe, following
            if self._closing:
                come.close()
            elif self._arriving.acquire(blocking=False):
                threading.Thread(target=self._greet, args=(come,), daemon=True).start()
            else:
                come.close()
        self._pipe.close()

    def _greet(self, pipe: Pipe) -> None:
        try:
            is_companion = pipe.read(GREETING_WITHIN_MS) == GREETING
            caller = self._admit(pipe.client()) if is_companion else None
        except (PipeEndedError, PipeMessageTooLongError, OSError, SourceError):
            caller = None
        finally:
            self._arriving.release()
        if caller is None or not self._arrived.put((pipe, caller)):
            pipe.close()


def daemon_door(suffix: str = "") -> PipeDoor:
    """Open the door of this process; `suffix` names another one of it. Raises `OSError`."""
    windows = load(*api.FUNCTIONS)
    own = account.own_sid()
    name, access_list = place(own, elevated=account.is_elevated())
    return PipeDoor(
        windows, f"{name}{suffix}", access_list, lambda client: caller_of(client, own, sessions())
    )


def daemon_pipes(named: str | None) -> tuple[tuple[str, frozenset[str]], ...]:
    """Return where a companion looks for its daemon, and who may own what is there."""
    own = account.own_sid()
    if named is not None:
        return ((named, COMPUTERS | {own}),)
    return ((NAME, COMPUTERS), (place(own, elevated=False)[0], frozenset({own})))


def reach(name: str, owners: frozenset[str]) -> PipeChannel:
    """Return a channel to the daemon whose pipe that is. Raises `OSError`."""
    return PipeChannel.connect(load(*api.FUNCTIONS), name, owners)


def place(own: str, *, elevated: bool) -> tuple[str, str]:
    """Return the name and the descriptor of the pipe of a daemon that runs as `own`.

    Whoever is logged in at this computer or by Remote Desktop may connect to the computer's own
    (`IU`), nobody over a network (`NU`).
    """
    if not elevated:
        return f"{NAME}-{own}", f"O:{own}D:P(D;;GA;;;NU)(A;;GA;;;SY)(A;;GA;;;{own})"
    rights = f"{api.CLIENT_RIGHTS:#x}"
    return NAME, f"O:BAD:P(D;;GA;;;NU)(A;;GA;;;SY)(A;;GA;;;BA)(A;;{rights};;;IU)"


def caller_of(client: Client, own: str, known: Iterable[UserSession]) -> Caller:
    """Return what is known of a client: it speaks for the session whose owner it is."""
    is_theirs = any(each.session == client.session and each.sid == client.sid for each in known)
    return Caller(
        client.session,
        is_theirs,
        client.sid == own,
        in_session=is_theirs,
        is_root=client.sid == account.SYSTEM,
    )
