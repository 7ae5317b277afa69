"""Secure boot on a Mac: the startup security that the system report tells.

`system_profiler -json SPiBridgeDataType` needs no rights. Its words follow the system's language;
those of another language are unknown. A Mac without Apple's own security chip has an empty report.
"""

from collections.abc import Mapping
from typing import Any

from passmuster_collectors.contract.reading import Reading, ok, unavailable
from passmuster_collectors.host.base import Host, SourceConflictError
from passmuster_collectors.host.commands import Program
from passmuster_collectors.signals.inquiry import Inquiry
from passmuster_collectors.signals.program_output import parsed_json, succeeded
from passmuster_collectors.signals.secure_boot.facts import Firmware, Mode, SecureBootFacts

SIGNAL = "secure_boot"

REPORT = "SPiBridgeDataType"
KEY = "ibridge_secure_boot"
SOURCE = f"system_profiler {REPORT}"
TIMEOUT_S = 8.0

MODES: Mapping[str, Mode] = {
    "Full Security": Mode.ENFORCED,
    "Reduced Security": Mode.REDUCED,
    "Medium Security": Mode.REDUCED,
    "Permissive Security": Mode.OFF,
    "No Security": Mode.OFF,
}

NOT_TOLD = "This Mac's system report does not tell its startup security."


def read(host: Host) -> Reading:
    """Return this Mac's startup security."""
    inquiry = Inquiry()
    mode = inquiry.ask(SOURCE, lambda: parse_report(_report(host)))
    if mode is None:
        return unavailable(SIGNAL, host.now(), NOT_TOLD, inquiry.sources)
    facts = SecureBootFacts(Firmware.APPLE, mode, None)
    return ok(SIGNAL, host.now(), facts, inquiry.sources)


def parse_report(report: Any) -> Mode:
    """Return what the report says. Raises `SourceConflictError` where it says nothing known."""
    controllers = report.get(REPORT) if isinstance(report, dict) else None
    if not isinstance(controllers, list):
        raise SourceConflictError(SOURCE, "not a system report")
    told = [each.get(KEY) for each in controllers if isinstance(each, dict) and KEY in each]
    if len(told) != 1 or not isinstance(told[0], str):
        raise SourceConflictError(SOURCE, "no startup security in it")
    if told[0] not in MODES:
        raise SourceConflictError(SOURCE, "a word that is not known")
    return MODES[told[0]]


def _report(host: Host) -> Any:
    completed = host.run(Program.SYSTEM_PROFILER, "-json", REPORT, timeout_s=TIMEOUT_S)
    return parsed_json(SOURCE, succeeded(Program.SYSTEM_PROFILER, completed))
