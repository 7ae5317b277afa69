"""The companion itself: answers the daemon, says when something changes, shows what it is told."""

import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from passmuster_agent.collection import AnySignal
from passmuster_agent.companion.channel import (
    Channel,
    ChannelClosedError,
    Connect,
    TooLongError,
    readable,
)
from passmuster_agent.companion.loopback import Loopback
from passmuster_agent.companion.messages import (
    FROM_DAEMON,
    VERSION,
    Ask,
    Attest,
    Attested,
    Changed,
    Goodbye,
    Notice,
    Said,
    Silenced,
    Welcome,
    from_bytes,
    to_bytes,
)
from passmuster_agent.companion.notifier import NEVER, Notifier
from passmuster_agent.errors import AgentError, ExitCode
from passmuster_collectors.contract.attestation import PORTS
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.reading import SourceOutcome
from passmuster_collectors.host import clocks
from passmuster_collectors.host.base import Host, SourceError
from passmuster_collectors.host.events import Watch

log = logging.getLogger(__name__)

_FromDaemon = Welcome | Ask | Attested | Notice | Silenced | Goodbye

READ_WITHIN_S = 2.5
"""Less than the daemon waits: a desktop that hangs is told as such."""

QUIET_S = 0.1
CHANGE_EVERY_S = 1.0
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
LOOK_EVERY_S = 60.0


class Companion:
    """One companion of the user who runs it. `daemons` are tried in order, again and again."""

    def __init__(
        self,
        host: Host,
        signals: Sequence[AnySignal],
        watch: Watch,
        notifier: Notifier,
        daemons: Sequence[Connect],
        ports: Iterable[int] = PORTS,
    ) -> None:
        self._testifiers = {
            each.id: each.testifiers[host.platform]
            for each in signals
            if host.platform in each.testifiers
        }
        self._host = host
        self._watch = watch
        self._notifier = notifier
        self._daemons = tuple(daemons)
        self._random = Random()  # noqa: S311 - spreads the tries, hides nothing
        self._channel: Channel | None = None
        self._busy: threading.Thread | None = None
        self._pause_s = FIRST_PAUSE_S
        self._next_try = 0.0
        self._change_at = NEVER
        self._last_change = 0.0
        self._loopback = Loopback(self._pass_on, ports)

    def run(self, interrupted: socket.socket) -> ExitCode:
        """Work until `interrupted` has something to read, or the session is over."""
        with contextlib.closing(self._loopback):
            return self._run(interrupted)

    def _run(self, interrupted: socket.socket) -> ExitCode:
        while True:
            if self._channel is None and time.monotonic() >= self._next_try:
                self._connect()
            ready = self._wait(interrupted)
            if interrupted.fileno() in ready or not _session_is_there():
                self._let_go()
                return ExitCode.DONE
            if self._watch.read():
                self._note_change()
            if self._channel is not None and not self._serve(self._channel):
                return ExitCode.DONE
            self._notifier.step(time.monotonic())
            self._loopback.step(time.monotonic())

    def _connect(self) -> None:
        for connect in self._daemons:
            try:
                self._channel = connect()
            except OSError:
                continue
            log.info("Connected to the agent.")
            return
        self._try_later()

    def _wait(self, interrupted: socket.socket) -> set[int]:
        own = (interrupted.fileno(), *self._watch.descriptors())
        descriptors = [*own, *self._loopback.descriptors()]
        due = min(
            self._change_at,
            self._notifier.next_at(),
            self._loopback.next_at(),
            time.monotonic() + LOOK_EVERY_S,
        )
        if self._channel is None:
            due = min(due, self._next_try)
        else:
            descriptors.append(self._channel.fileno())
        pause_s = min(due - time.monotonic(), self._watch.next_at() - clocks.since_boot_s())
        return readable(descriptors, pause_s)

    def _serve(self, channel: Channel) -> bool:
        """Do what the daemon says; return whether to go on."""
        try:
            while (data := channel.receive()) is not None:
                message: _FromDaemon = from_bytes(data, FROM_DAEMON)
                self._pause_s = FIRST_PAUSE_S
                if isinstance(message, Ask):
                    self._send(self._answer(message))
                elif isinstance(message, Notice | Silenced):
                    self._notifier.tell(message, time.monotonic())
                elif isinstance(message, Attested):
                    self._loopback.answer(message.number, message.url)
                elif isinstance(message, Goodbye):
                    return self._dismissed(message)
                elif message.version != VERSION:
                    raise AgentError(
                        "The agent of this laptop is of another version than this companion.",
                        "Log out and in again.",
                    )
        except (ChannelClosedError, TooLongError, ContractError) as error:
            log.info("The agent has gone (%s).", type(error).__name__)
            self._let_go()
            self._try_later()
            return True
        if time.monotonic() >= self._change_at:
            self._change_at = NEVER
            self._last_change = time.monotonic()
            self._send(Changed())
        return True

    def _dismissed(self, goodbye: Goodbye) -> bool:
        self._let_go()
        log.info("The agent won't listen: %s.", goodbye.reason)
        self._pause_s = LONGEST_PAUSE_S
        self._try_later()
        return not goodbye.for_good

    def _answer(self, ask: Ask) -> Said:
        """Return what this session says of a signal, in time."""
        testifier = self._testifiers.get(ask.signal)
        if testifier is None:
            return Said(ask.number, None, SourceOutcome.MISSING)
        if self._busy is not None and self._busy.is_alive():
            return Said(ask.number, None, SourceOutcome.TIMEOUT)
        answers: list[Said] = []
        self._busy = threading.Thread(
            target=lambda: answers.append(_read(ask.number, testifier, self._host)), daemon=True
        )
        self._busy.start()
        self._busy.join(READ_WITHIN_S)
        return answers[0] if answers else Said(ask.number, None, SourceOutcome.TIMEOUT)

    def _note_change(self) -> None:
        """Plan to tell of a change: when a burst is over, and once a second at most."""
        now = time.monotonic()
        self._change_at = max(now + QUIET_S, self._last_change + CHANGE_EVERY_S)

    def _pass_on(self, number: int, summons: str) -> bool:
        """Ask the daemon for a browser of this user's; return whether there is one to ask."""
        self._send(Attest(number, summons))
        return self._channel is not None

    def _send(self, message: Attest | Said | Changed) -> None:
        if self._channel is not None:
            try:
                self._channel.send(to_bytes(message))
            except ChannelClosedError:
                self._let_go()
                self._try_later()

    def _let_go(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def _try_later(self) -> None:
        self._next_try = time.monotonic() + self._pause_s * self._random.uniform(0.5, 1.0)
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)


def _read(number: int, testifier: Callable[[Host], Any], host: Host) -> Said:
    try:
        return Said(number, testifier(host))
    except SourceError as error:
        return Said(number, None, error.outcome)
    except Exception as error:  # noqa: BLE001 - a companion that ends tells nothing any more
        log.error("reading: %s", type(error).__name__)  # noqa: TRY400 - its text may be private
        return Said(number, None, SourceOutcome.CONFLICT)


def _session_is_there() -> bool:
    """Whether this user is still logged in: systemd removes the folder with the last session."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    return not runtime or Path(runtime).is_dir()
