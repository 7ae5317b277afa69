"""Where a device stands by what is stored of it, and for how long that holds."""

import logging
from datetime import datetime
from functools import lru_cache

from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.policy import store
from passmuster_server.policy.document import Policy
from passmuster_server.policy.standing import (
    DeviceStatus,
    SignalStanding,
    Standing,
    first_exception_end,
)
from passmuster_server.policy.stored_devices import StoredDevice, StoredVerdict

_log = logging.getLogger(__name__)


def standing_of(
    stored: StoredDevice,
    verdict: StoredVerdict,
    policy: Policy,
    *,
    judged_at: datetime | None = None,
) -> Standing:
    """Return where the device stands by this verdict; `policy` says how long a report counts."""
    signals, exception_end = _signals_and_end_of(stored)
    return Standing(
        organisation=stored.organisation,
        device=stored.device,
        owner=stored.owner,
        computer_name=stored.computer_name,
        platform=stored.platform,
        status=stored.status,
        verdict=verdict.verdict,
        since=verdict.since,
        # A report that changed nothing was judged too, which nobody had to write down.
        judged_at=judged_at or max(verdict.judged_at, stored.last_seen or verdict.judged_at),
        last_seen=stored.last_seen,
        max_age_s=policy.max_age_of(stored.subject),
        grace_until=verdict.grace_until,
        policy_version=verdict.policy_version,
        report_sequence=stored.sequence,
        signals=signals,
        judged=policy.judged_of(stored.subject),
        revision=verdict.revision,
        waived_until=exception_end,
        group=stored.group,
    )


def still_holds(stored: StoredDevice, basis: str, now: datetime) -> bool:
    """Return whether what was judged is what would be judged of the same readings on `basis`."""
    before = stored.verdict
    if before is None or stored.status is not DeviceStatus.ACTIVE:
        return False
    # Unknown for want of a report: its signals are from before, whatever basis stands beside them.
    if before.verdict is Verdict.UNKNOWN or before.basis != basis:
        return False
    _, exception_end = _signals_and_end_of(stored)
    return all(end is None or now < end for end in (before.grace_until, exception_end))


def signals_of(stored: StoredDevice) -> tuple[SignalStanding, ...]:
    """Return how its signals were judged, none where another version of the server wrote them."""
    signals, _ = _signals_and_end_of(stored)
    return signals


def _signals_and_end_of(
    stored: StoredDevice,
) -> tuple[tuple[SignalStanding, ...], datetime | None]:
    """Return them, and when the first exception ends on which they rest."""
    if stored.verdict is None:
        return (), None
    try:
        return _read(stored.verdict.signals)
    except ContractError:
        # Its basis is another one too, so it is judged again soon.
        _log.warning("device %s: its findings are of another version", stored.device)
        return (), None


# As in the store: healthy laptops all have the same signals.
@lru_cache(maxsize=4096)
def _read(signals: bytes) -> tuple[tuple[SignalStanding, ...], datetime | None]:
    judged = store.read_signals(signals)
    return judged, first_exception_end(judged)
