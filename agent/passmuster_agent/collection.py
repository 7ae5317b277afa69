"""Reads signals and keeps a record of what they say in the outbox."""

from collections.abc import Sequence
from typing import Any

from passmuster_agent.config import Device
from passmuster_agent.outbox import Outbox
from passmuster_agent.records import new_record, same_findings
from passmuster_collectors.contract.reading import Reading
from passmuster_collectors.host.base import Host
from passmuster_collectors.runner import collect
from passmuster_collectors.signals.signal import Signal

DEADLINE_S = 10.0

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

    def read_all(self) -> None:
        """Read every signal and keep a record, changed or not. Raises `OutboxError`."""
        self._read(self._signals, always=True)

    def read(self, signals: Sequence[AnySignal]) -> bool:
        """Read `signals`; keep a record only where something changed, and say whether it did.

        Raises `OutboxError`; what could not be kept still counts as a change the next time.
        """
        return self._read(signals, always=False)

    def newest(self) -> tuple[Reading, ...]:
        """Return the newest reading of each signal that was read, in the catalog's order."""
        return tuple(self._newest[each.id] for each in self._signals if each.id in self._newest)

    def _read(self, signals: Sequence[AnySignal], *, always: bool) -> bool:
        for reading in collect(self._host, signals, deadline_s=DEADLINE_S):
            self._newest[reading.signal] = reading
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
        return changed or always
