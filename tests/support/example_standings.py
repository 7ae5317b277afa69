"""Standings of made-up laptops, for tests that need no database."""

from datetime import UTC, datetime, timedelta
from typing import Any

from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.verdict import Outcome, Remedy, Verdict
from passmuster_server.policy.demands import JUDGED
from passmuster_server.policy.standing import DeviceStatus, Reason, SignalStanding, Standing
from passmuster_server.policy.standings import Standings
from passmuster_server.schema import DEFAULT_ORGANISATION

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
MAX_AGE_S = 3_600

NO_LOCK = Reason(
    "screen_lock",
    Outcome.FAIL,
    "Your screen does not lock by itself.",
    "never locks (600 s allowed)",
    Remedy(("Open Settings, then Screen Lock.", "Switch on Automatic Screen Lock.")),
)
UNREADABLE_WIFI = Reason(
    "wifi_security",
    Outcome.UNKNOWN,
    "The Wi-Fi could not be checked.",
    "no answer from NetworkManager",
    None,
)


def standing(verdict: Verdict = Verdict.COMPLIANT, *reasons: Reason, **changed: Any) -> Standing:
    """Return a laptop of Ana's that was heard a minute before `NOW`, with changes."""
    signals = tuple(
        SignalStanding(reason.signal, reason.signal, reason.outcome, (reason,))
        for reason in reasons
    )
    values: dict[str, Any] = {
        "organisation": DEFAULT_ORGANISATION,
        "device": "device-1",
        "owner": "ana@example.com",
        "computer_name": "ana-laptop",
        "platform": Platform.LINUX,
        "status": DeviceStatus.ACTIVE,
        "verdict": verdict,
        "since": NOW - timedelta(hours=2),
        "judged_at": NOW - timedelta(minutes=1),
        "last_seen": NOW - timedelta(minutes=1),
        "max_age_s": MAX_AGE_S,
        "grace_until": None,
        "policy_version": 12,
        "report_sequence": 345,
        "signals": signals,
        "judged": frozenset(signal.id for signal in JUDGED),
    }
    return Standing(**{**values, **changed})


def standings_of(*items: Standing) -> Standings:
    """Return these standings in memory."""
    standings = Standings()
    for item in items:
        standings.put(item)
    return standings
