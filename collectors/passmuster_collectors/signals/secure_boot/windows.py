r"""Secure boot on Windows: what Windows was told by the firmware when it started.

`UEFISecureBootEnabled` below `Control\SecureBoot\State` is readable for everybody. It is 0 in setup
mode too. A Windows that a BIOS started has no such value; `PEFirmwareType` says so.
"""

from functools import partial

from passmuster_collectors.contract.reading import Reading, ok, unavailable
from passmuster_collectors.host.base import Host, SourceConflictError, SourceMissingError
from passmuster_collectors.host.windows_answers import Hive
from passmuster_collectors.signals.inquiry import Inquiry
from passmuster_collectors.signals.secure_boot.facts import Firmware, Mode, SecureBootFacts

SIGNAL = "secure_boot"

CONTROL = r"SYSTEM\CurrentControlSet\Control"
STATE = rf"{CONTROL}\SecureBoot\State"
ENABLED, FIRMWARE = "UEFISecureBootEnabled", "PEFirmwareType"
BIOS = 1

NOT_TOLD = "Windows does not say whether this laptop checks what it starts."


def read(host: Host) -> Reading:
    """Return how this PC was started."""
    inquiry = Inquiry()
    enabled = inquiry.ask(ENABLED, partial(_number, host, STATE, ENABLED), otherwise=-1)
    if enabled is None:
        kind = inquiry.ask(FIRMWARE, partial(_number, host, CONTROL, FIRMWARE))
        if kind == BIOS and inquiry.is_complete:
            facts = SecureBootFacts(Firmware.OTHER, Mode.OFF, None)
            return ok(SIGNAL, host.now(), facts, inquiry.sources)
    if enabled not in {0, 1}:
        return unavailable(SIGNAL, host.now(), NOT_TOLD, inquiry.sources)
    mode = Mode.ENFORCED if enabled else Mode.OFF
    return ok(SIGNAL, host.now(), SecureBootFacts(Firmware.UEFI, mode, None), inquiry.sources)


def _number(host: Host, key: str, name: str) -> int | None:
    """Return a number of the registry; None where it is not there. Raises `SourceError`."""
    try:
        found = host.registry_value(Hive.LOCAL_MACHINE, key, name)
    except SourceMissingError:
        return None
    if type(found) is not int:
        raise SourceConflictError(name, "no number")
    return found
