"""Which controls of which standards each thing that Passmuster does speaks for.

The numbers are those of ISO/IEC 27001:2022, Annex A, of the AICPA's Trust Services Criteria (2017,
revised points of focus 2022), and of Regulation (EU) 2016/679 (GDPR). They say where a measure is
evidence, never that a control is met by it alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from passmuster_collectors.signals import CATALOG


@dataclass(frozen=True)
class Controls:
    """Numbers in the three standards."""

    iso_27001: tuple[str, ...]
    trust_services: tuple[str, ...]
    gdpr: tuple[str, ...] = ()


@dataclass(frozen=True)
class Measure:
    """One thing that is done, what shows that it is done, and what it is evidence of."""

    title: str
    shown_by: str
    controls: Controls


SIGNALS: Mapping[str, Controls] = {
    "disk_encryption": Controls(("7.9", "8.1", "8.24"), ("CC6.1", "CC6.7"), ("32(1)(a)",)),
    "wifi_security": Controls(("5.14", "6.7", "8.20"), ("CC6.6", "CC6.7"), ("32(1)(a)",)),
    "screen_lock": Controls(("7.7", "8.1"), ("CC6.1", "CC6.4"), ("32(1)(b)",)),
    "usb_devices": Controls(("7.10", "8.1", "8.12"), ("CC6.7", "CC6.8"), ("32(1)(b)",)),
    "idle_logoff": Controls(("7.7", "8.5"), ("CC6.1",), ("32(1)(b)",)),
    "automatic_login": Controls(("8.5",), ("CC6.1",), ("32(1)(b)",)),
    "firewall": Controls(("8.20",), ("CC6.6",), ("32(1)(b)",)),
    "system_updates": Controls(("8.8",), ("CC6.8", "CC7.1"), ("32(1)(d)",)),
    "remote_access": Controls(("6.7", "8.18", "8.19"), ("CC6.6", "CC6.8"), ("32(1)(b)",)),
    "secure_boot": Controls(("8.1", "8.9"), ("CC6.8",), ("32(1)(b)",)),
}
"""By the signal's id; a signal without its controls is a test's failure."""

_BESIDE_SIGNALS = (
    Measure(
        "The gate: only a laptop in order reaches customers' data",
        "Answers of the gate, each with its reasons; who was refused, and how soon",
        Controls(("5.15", "8.3", "8.5"), ("CC6.1", "CC6.6"), ("32(1)(b)",)),
    ),
    Measure(
        "A written policy that is enforced, and a record of every version of it",
        "Policy versions in force in the period, exceptions from them",
        Controls(("5.1", "5.36"), ("CC5.3", "CC4.1"), ("24(1)", "32(1)(d)")),
    ),
    Measure(
        "A record of what administrators did, in which a later change shows",
        "The audit record and the proof of its chain",
        Controls(("5.28", "5.33", "8.15"), ("CC4.1", "CC7.2"), ("5(2)",)),
    ),
    Measure(
        "Least access for administrators, with a second factor",
        "Accounts and their roles; changes need a fresh sign-in",
        Controls(("5.15", "5.18", "8.2", "8.5"), ("CC6.1", "CC6.3"), ("32(4)",)),
    ),
    Measure(
        "Response to incidents: lost laptops, copied keys, devices that attack",
        "Laptops lost, revoked and in conflict, with the times in the audit record",
        Controls(("5.24", "5.26", "6.8"), ("CC7.3", "CC7.4"), ("33",)),
    ),
    Measure(
        "Outsourced support is held to the same rules or stricter ones",
        "Groups of suppliers, their policy overlays and their figures",
        Controls(("5.19", "5.22"), ("CC9.2",), ("28",)),
    ),
    Measure(
        "The least is collected, and deleted in time",
        "The list of what is collected and why; periods of retention; erasures on record",
        Controls(("5.34", "8.10"), ("P4.1", "P4.2", "P4.3"), ("5(1)(c)", "5(1)(e)", "17", "25")),
    ),
    Measure(
        "Workers see what is collected of them, and who looked",
        "The page My laptops, and exports on request",
        Controls(("5.34",), ("P1.1", "P5.1"), ("13", "15")),
    ),
)


def measures() -> tuple[Measure, ...]:
    """Return all measures: a signal each, then what goes beyond signals."""
    return (
        *(
            Measure(
                f"{signal.title} of every laptop, read at each change",
                "How many laptops passed; every change, back to the signed report",
                SIGNALS[signal.id],
            )
            for signal in CATALOG
        ),
        *_BESIDE_SIGNALS,
    )
