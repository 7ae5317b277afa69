"""Reads signals and keeps a record of what they say in the outbox."""

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from passmuster_agent.config import Device
from passmuster_agent.database import OutboxError
from passmuster_agent.outbox import Outbox
from passmuster_agent.records import new_record, same_findings
from passmuster_collectors.contract.reading import Reading
from passmuster_collectors.host.answers import UsbSighting
from passmuster_collectors.host.base import Host
from passmuster_collectors.runner import collect
from passmuster_collectors.signals.signal import Signal

DEADLINE_S = 10.0
MAX_SIGHTINGS = 512

AnySignal = Signal[Any, Any]


class Collection:
    """The newest reading of every signal, and which of them have been kept."""

    def __init__(
        self, device: Device, outbox: Outbox, host: Host, signals: Sequence[AnySignal]
    ) -> None:
        self._device = device
        self._outbox = outbox
        self._host = host
        self._signals = tuple(signals)
        self._newest: dict[str, Reading] = {}
        latest = outbox.latest()
        self._kept = latest.readings if latest else ()
        self._is_first = latest is None
        self._remembered: dict[str, Any] = {}
        self._not_kept: set[str] = set()
        self._sightings: list[UsbSighting] = []

    def read_all(self) -> None:
        """Read every signal and keep a record, changed or not. Raises `OutboxError`."""
        self._read(self._signals, always=True)

    def read(self, signals: Sequence[AnySignal]) -> bool:
        """Read `signals`; keep a record only where something changed, and say whether it did.

        Raises `OutboxError`; what could not be kept still counts as a change the next time.
        """
        return self._read(signals, always=False)

    def hear(self, sightings: Sequence[UsbSighting]) -> None:
        """Take note of what the system told, for the next reading that it concerns."""
        at = self._host.now()
        self._sightings += [replace(each, at=at) for each in sightings]
        # Of a flood the end is what a reading can still tell.
        del self._sightings[:-MAX_SIGHTINGS]

    def newest(self) -> tuple[Reading, ...]:
        """Return the newest reading of each signal that was read, in the catalog's order."""
        return tuple(self._newest[each.id] for each in self._signals if each.id in self._newest)

    def _read(self, signals: Sequence[AnySignal], *, always: bool) -> bool:
        found = collect(self._host, signals, deadline_s=DEADLINE_S)
        for signal, reading in zip(signals, found, strict=True):
            self._newest[signal.id] = self._remembering(signal, reading)
        readings = self.newest()
        changed = not same_findings(readings, self._kept)
        if changed or always:
            record = new_record(
                self._device.device,
                self._host.platform,
                self._host.now(),
                readings,
            )
            self._outbox.append(record, changed=changed)
            self._kept = readings
            self._is_first = False
        return changed or always

    def _remembering(self, signal: AnySignal, reading: Reading) -> Reading:
        """Return the reading with what the signal remembers, and keep what it remembers now."""
        if signal.remember is None:
            return reading
        if signal.id not in self._remembered:
            self._remembered[signal.id] = self._outbox.memories.of(signal.id)
        before = self._remembered[signal.id]
        reading, memory = signal.remember(reading, before, tuple(self._sightings), self._is_first)
        if reading.facts is not None:
            self._sightings.clear()  # else they wait for a reading that can tell them
        self._remembered[signal.id] = memory
        if memory != before or signal.id in self._not_kept:
            self._not_kept.add(signal.id)
            with contextlib.suppress(OutboxError):
                # Where the disk is full, the record that follows says so; this is tried again.
                self._outbox.memories.keep(signal.id, memory)
                self._not_kept.discard(signal.id)
        return reading


def recalling(
    signals: Sequence[AnySignal], readings: Sequence[Reading], outbox: Outbox
) -> tuple[Reading, ...]:
    """Return the readings as they would be sent, with what is remembered; nothing is kept."""
    is_first = outbox.latest() is None
    found = []
    for signal, reading in zip(signals, readings, strict=True):
        told = reading
        if signal.remember is not None:
            told, _ = signal.remember(reading, outbox.memories.of(signal.id), (), is_first)
        found.append(told)
    return tuple(found)
