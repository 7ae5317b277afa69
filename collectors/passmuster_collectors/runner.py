"""Reads signals side by side, each under a deadline; whatever goes wrong becomes `unavailable`."""

import contextlib
import logging
import threading
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast
from weakref import WeakKeyDictionary

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.reading import Reading, Source, SourceOutcome, unavailable
from passmuster_collectors.host.base import Host, SourceError, SourceMissingError
from passmuster_collectors.signals.signal import Reader, Signal

log = logging.getLogger(__name__)

NOT_ON_THIS_SYSTEM = "It cannot be read on this system yet."
TOO_SLOW = "The computer did not answer in time."
STILL_WAITING = "The computer has not answered the last time it was asked yet."
OWN_ERROR = "Passmuster ran into an error of its own while it read this."
REASONS = {
    SourceOutcome.DENIED: "Passmuster is not allowed to read this on this computer.",
    SourceOutcome.MISSING: "This computer has nothing that Passmuster could ask about this.",
    SourceOutcome.TIMEOUT: TOO_SLOW,
    SourceOutcome.CONFLICT: "What this computer says about this contradicts itself.",
}

# The thread of each signal that has not come back, by host: while it is stuck no second one is
# started, so that a source that hangs for ever costs one thread and no more.
_waiting: WeakKeyDictionary[Host, dict[str, "_ReaderThread"]] = WeakKeyDictionary()
_waiting_lock = threading.Lock()

ROOMS = "passmuster_collectors.signals."

# Readers are imported by their first call. Python's imports are not safe from circles between
# threads that import a package and one of its parts (`_DeadlockError`), so one thread does it.
_loaded: set[Reader] = set()
_loading = threading.Lock()


def collect(
    host: Host, signals: Sequence[Signal[Any, Any]], *, deadline_s: float = 10.0
) -> tuple[Reading, ...]:
    """Return one reading for each of `signals`, in their order, after `deadline_s` at the latest.

    Never raises for what a reader does. What it returns keeps to the contract: a server accepts it.
    """
    deadline = time.monotonic() + deadline_s
    started = [(signal, _start(host, signal)) for signal in signals]
    readings = []
    for signal, thread in started:
        if isinstance(thread, Reading):
            readings.append(thread)
            continue
        thread.join(max(0.0, deadline - time.monotonic()))
        if thread.is_alive():
            source = Source("reader", SourceOutcome.TIMEOUT, f"no answer in {deadline_s:g} s")
            readings.append(unavailable(signal.id, host.now(), TOO_SLOW, [source]))
        else:
            readings.append(thread.reading)
    return tuple(readings)


class _ReaderThread(threading.Thread):
    def __init__(self, host: Host, signal: Signal[Any, Any], reader: Reader) -> None:
        super().__init__(name=f"read {signal.id}", daemon=True)
        self._host = host
        self._signal = signal
        self._reader = reader
        self.reading = _own_error(host, signal, "ended without an answer")

    def run(self) -> None:
        self.reading = _read(self._host, self._signal, self._reader)


def _start(host: Host, signal: Signal[Any, Any]) -> "_ReaderThread | Reading":
    reader = signal.readers.get(host.platform)
    if reader is None:
        return unavailable(signal.id, host.now(), NOT_ON_THIS_SYSTEM, [])
    with _waiting_lock:
        threads = _waiting.setdefault(host, {})
        stuck = threads.get(signal.id)
        if stuck is not None and stuck.is_alive():
            source = Source("reader", SourceOutcome.TIMEOUT, "still busy since an earlier time")
            return unavailable(signal.id, host.now(), STILL_WAITING, [source])
        thread = threads[signal.id] = _ReaderThread(host, signal, reader)
    _load(reader)
    thread.start()
    return thread


class _NoMachine:
    def __getattr__(self, question: str) -> Any:
        raise SourceMissingError(question)


def _load(reader: Reader) -> None:
    """Let a reader import what it is made of, by asking it to read a machine that has nothing."""
    with _loading:
        if reader not in _loaded and reader.__module__.startswith(ROOMS):
            with contextlib.suppress(Exception):
                reader(cast(Host, _NoMachine()))
            _loaded.add(reader)


def _read(host: Host, signal: Signal[Any, Any], reader: Reader) -> Reading:
    try:
        reading = reader(host)
        _check(signal, reading)
    except SourceError as error:
        return unavailable(signal.id, host.now(), REASONS[error.outcome], [error.source()])
    except ContractError as error:
        _log_own_error(signal, f"breaks the contract at {error.field}", error)
        return _own_error(host, signal, f"breaks the contract at {error.field}")
    except Exception as error:  # noqa: BLE001 - whatever a reader does, the others go on
        _log_own_error(signal, type(error).__name__, error)
        return _own_error(host, signal, type(error).__name__)
    return reading


def _check(signal: Signal[Any, Any], reading: Reading) -> None:
    if reading.signal != signal.id:
        raise ContractError("signal", "not the signal that was asked for")
    codec.decode(Reading, codec.encode(reading))
    if reading.facts is not None:
        codec.decode(signal.facts, reading.facts, "facts")


def _own_error(host: Host, signal: Signal[Any, Any], detail: str) -> Reading:
    source = Source("reader", SourceOutcome.CONFLICT, detail)
    return unavailable(signal.id, host.now(), OWN_ERROR, [source])


def _log_own_error(signal: Signal[Any, Any], what: str, error: BaseException) -> None:
    # Without the error's text: it may hold what was being read, which belongs in no log.
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "nowhere"
    log.error("reading %s: %s at %s", signal.id, what, place)
