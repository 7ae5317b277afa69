"""The resident agent: hears events, reads what they touch, keeps records, starts the reporter.

It imports neither the libraries for signing nor those for HTTPS or D-Bus; a test holds it to that.
"""

import contextlib
import logging
import selectors
import socket
from collections.abc import Sequence
from random import SystemRandom

from passmuster_agent.collection import AnySignal, Collection
from passmuster_agent.companion.counter import Counter, open_counter
from passmuster_agent.companion.listener import Companions, listen_to_companions
from passmuster_agent.companion.summoned import Summoned
from passmuster_agent.companion.window import open_window
from passmuster_agent.config import State
from passmuster_agent.database import OutboxError
from passmuster_agent.delivery import KEY_UNUSABLE, Delivery, DeliveryKind
from passmuster_agent.dispatch import Dispatch
from passmuster_agent.errands import Errand, LookUp
from passmuster_agent.errors import ExitCode
from passmuster_agent.interruptions import interruptions
from passmuster_agent.notebook import StateNotebook
from passmuster_agent.outbox import Outbox
from passmuster_agent.schedule import BOOT_SPREAD_S, Debounce, FullCheck
from passmuster_agent.supervisor import Supervisor
from passmuster_collectors.contract.attestation import Summons
from passmuster_collectors.contract.verdict import Verdict
from passmuster_collectors.host import clocks, this_host
from passmuster_collectors.host.events import (
    PACKAGES,
    RESUME,
    ROUTE,
    Events,
    Watch,
    Watches,
    this_watch,
)
from passmuster_collectors.host.memory import give_back, use_one_arena
from passmuster_collectors.signals import CATALOG

log = logging.getLogger(__name__)

TICK_S = 2.0
"""The clocks are looked at this often where nothing else tells that the laptop slept."""

POLL_S = 60.0
"""How often signals are read whose changes this system does not announce."""

SAVE_AGAIN_S = 10.0
EVERYTHING = "*"
"""Stands for every name after events were lost: a storm of those is debounced like any other."""

JUST_BOOTED_S = 300.0


class Daemon:
    """One laptop's agent, from the first reading to the signal that ends it."""

    def __init__(
        self,
        outbox: Outbox,
        collection: Collection,
        signals: Sequence[AnySignal],
        watch: Watch,
        dispatch: Dispatch,
        companions: Companions | None = None,
        summoned: Summoned | None = None,
        counter: Counter | None = None,
    ) -> None:
        self._outbox = outbox
        self._collection = collection
        self._signals = tuple(signals)
        self._triggers = frozenset[str]().union(*(each.triggers for each in signals))
        self._watch = watch
        self._dispatch = dispatch
        self._companions = companions or Companions(None)
        self._summoned = summoned
        self._counter = counter or Counter(None)
        self._debounce = Debounce()
        now = clocks.since_boot_s()
        self._full = FullCheck(SystemRandom(), now, clocks.asleep_s())
        self._full.within(outbox.report_within_s(), now)
        self._next_poll = now + POLL_S
        self._keeping = True
        self._learnt = ""
        self._verdict: Verdict | None = None

    def run(self, interrupted: socket.socket, supervisor: Supervisor) -> ExitCode:
        """Work until `interrupted` has something to read or the server wants no more reports."""
        while True:
            self._wait(interrupted, supervisor.next_at())
            if _has_arrived(interrupted):
                return ExitCode.DONE
            delivered = self.step(clocks.since_boot_s(), self._watch.read())
            supervisor.alive(clocks.since_boot_s())
            if delivered is not None and delivered.kind is DeliveryKind.STOPPED:
                log.error("%s %s", delivered.problem, delivered.remedy)
                return ExitCode.REFUSED

    def step(self, at: float, events: Events) -> Delivery | None:
        """Do what is due at `at`, seconds since boot; return how an upload ended, if one did."""
        self._collection.hear(events.sightings)
        everything = frozenset({EVERYTHING}) if events.lost else frozenset()
        self._debounce.event((events.triggers & self._triggers) | everything, at)
        slept = self._full.look(at, clocks.asleep_s())
        if RESUME in events.triggers:
            slept |= self._full.resumed(at)
        if slept or ROUTE in events.triggers:
            self._dispatch.network_changed()
        errands = self._new_errands(at)
        if any(not isinstance(each, LookUp) for each in errands):
            # What the laptop signs is about now.
            self._full.at_once(at)
        self._read(self._debounce.due(at), at)
        for errand in errands:
            self._dispatch.run(errand)
        delivered = self._dispatch.step(at)
        if delivered is not None and self._dispatch.ran is not None:
            self._tell(self._dispatch.ran, delivered)
        if delivered is not None and delivered.kind is DeliveryKind.ACCEPTED:
            self._learn(at)
        elif delivered is not None and _silenced(delivered):
            self._companions.silenced(delivered.problem, delivered.remedy)
        if delivered is not None:
            give_back()
        return delivered

    def _new_errands(self, at: float) -> tuple[Errand, ...]:
        """Return what people on this laptop have come with."""
        asked = (None if self._summoned is None else self._summoned.next(at), self._counter.next())
        return tuple(each for each in asked if each is not None)

    def _tell(self, errand: Errand, delivered: Delivery) -> None:
        """Tell what came of an errand to whoever waits for it."""
        if not isinstance(errand, Summons):
            self._counter.done(delivered)
        elif self._summoned is not None:
            self._summoned.done(delivered)

    def _wait(self, interrupted: socket.socket, at_the_latest: float) -> None:
        now = clocks.since_boot_s()
        due = min(
            at_the_latest,
            self._debounce.next_at(),
            self._full.next_at(),
            self._dispatch.next_at(),
            self._next_poll,
            self._watch.next_at(),
            *(() if self._summoned is None else (self._summoned.next_at(),)),
            *(() if self._watch.delivers(RESUME) else (now + TICK_S,)),
        )
        with selectors.DefaultSelector() as selector:
            selector.register(interrupted, selectors.EVENT_READ)
            for descriptor in (*self._watch.descriptors(), *self._dispatch.descriptors()):
                selector.register(descriptor, selectors.EVENT_READ)
            selector.select(max(0.0, due - now))

    def _read(self, names: frozenset[str], at: float) -> None:
        full = self._full.due(at)
        touched = self._touched(names, at)
        if full or touched:
            what = "everything" if full else ", ".join(each.id for each in touched)
            log.debug("Reading %s after %s.", what, ", ".join(sorted(names)) or "a while")
        try:
            if full:
                self._full.done(at)
                self._collection.read_all()
            elif not touched or not self._collection.read(touched):
                return
        except OutboxError as error:
            self._full.at_once(at + SAVE_AGAIN_S)
            if self._keeping:
                log.error("%s", error)  # noqa: TRY400 - the sentence is all there is to say
            self._keeping = False
            return
        self._dispatch.wanted()
        if not self._keeping:
            log.info("New readings are kept again.")
            self._keeping = True

    def _touched(self, names: frozenset[str], at: float) -> tuple[AnySignal, ...]:
        polled: tuple[AnySignal, ...] = ()
        if at >= self._next_poll:
            self._next_poll = at + POLL_S
            polled = tuple(each for each in self._signals if not _announced(each, self._watch))
        if EVERYTHING in names:
            return self._signals
        return tuple(each for each in self._signals if each.triggers & names or each in polled)

    def _learn(self, at: float) -> None:
        """Take from the server's answer how often it wants to hear, and tell a new verdict."""
        try:
            overview = self._outbox.overview()
        except OutboxError as error:
            log.error("%s", error)  # noqa: TRY400 - the sentence is all there is to say
            return
        if overview.answer is None:
            return
        if overview.answer.nonce != self._learnt:
            # Where the server refuses what it asked for, the answer is still the one that asked.
            self._learnt = overview.answer.nonce
            self._full.within(overview.answer.report_within_s, at)
        self._companions.answered(overview.answer)
        if overview.answer.verdict is not self._verdict:
            self._verdict = overview.answer.verdict
            log.info("The server's verdict: %s.", self._verdict.value.replace("_", " "))


def run(
    state: State,
    supervisor: Supervisor | None = None,
    interrupted: socket.socket | None = None,
    told: Watch | None = None,
) -> ExitCode:
    """Be the daemon of this state directory until told to end. Raises `AgentError`.

    Without a `supervisor` it is systemd's, if any; without an `interrupted` socket signals end it.
    `told` is a watch beside those of this system: of what only the caller is told.
    """
    use_one_arena()
    supervisor = supervisor or Supervisor()
    random = SystemRandom()
    with state.lock(), interruptions(interrupted) as ending:
        device = state.device()
        with (
            Outbox(state.outbox(device)) as outbox,
            contextlib.closing(listen_to_companions()) as companions,
            contextlib.closing(open_window(lambda: _shown(outbox))) as window,
            contextlib.closing(open_counter()) as counter,
            contextlib.closing(
                Watches(this_watch(), companions, window, counter, told or Watches())
            ) as watch,
        ):
            host = this_host(device.hash_key_bytes(), companions, StateNotebook(state.path))
            collection = Collection(device, outbox, host, CATALOG)
            dispatch = Dispatch(state.path, random.uniform)
            dispatch.wanted()
            if _just_booted(outbox):
                # A whole floor of laptops is switched on at nine.
                pause = random.uniform(0.0, BOOT_SPREAD_S)
                dispatch.hold_until(clocks.since_boot_s() + pause)
            log.info("Watching this laptop for %s.", device.owner)
            supervisor.ready()
            try:
                summoned = Summoned(device, companions)
                daemon = Daemon(
                    *(outbox, collection, CATALOG, watch, dispatch, companions, summoned, counter)
                )
                return daemon.run(ending, supervisor)
            finally:
                supervisor.stopping()
                dispatch.stop()


def _shown(outbox: Outbox) -> bytes:
    """Return what people who are logged in may see of the last answer. Raises `AgentError`."""
    # Loaded when somebody looks: on most laptops nobody does.
    from passmuster_agent.companion.sight import fitting  # noqa: PLC0415 - see above
    from passmuster_agent.told import told_of  # noqa: PLC0415 - see above

    return fitting(told_of(outbox.overview()))


def _announced(signal: AnySignal, watch: Watch) -> bool:
    names = signal.triggers - {PACKAGES}
    return bool(signal.triggers) and all(watch.delivers(name) for name in names)


def _just_booted(outbox: Outbox) -> bool:
    """Whether the laptop was started a moment ago, rather than the agent alone."""
    latest = outbox.latest()
    started = clocks.since_boot_s() < JUST_BOOTED_S
    return latest is not None and latest.boot_id != clocks.boot_id() and started


def _silenced(delivered: Delivery) -> bool:
    """Whether no report will come any more until somebody does something."""
    return delivered.kind is DeliveryKind.STOPPED or delivered.code == KEY_UNUSABLE


def _has_arrived(interrupted: socket.socket) -> bool:
    try:
        return bool(interrupted.recv(64))
    except BlockingIOError:
        return False
