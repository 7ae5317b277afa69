"""Secure boot on Linux: the firmware's own variables, and the running kernel's lockdown.

UEFI specification 2.10, section 3.3 (SecureBoot, SetupMode); the files of efivarfs hold four bytes
of attributes before the value (Documentation/filesystems/efivarfs.rst). shim mirrors its own switch
in MokSBStateRT, and the kernel honours it (drivers/firmware/efi/libstub/secureboot.c).
"""

from functools import partial

from passmuster_collectors.contract.reading import Reading, ok, unavailable
from passmuster_collectors.host.base import Host, SourceConflictError
from passmuster_collectors.signals.inquiry import Inquiry
from passmuster_collectors.signals.secure_boot.facts import (
    Firmware,
    Lockdown,
    Mode,
    SecureBootFacts,
)

SIGNAL = "secure_boot"

FIRMWARE = "/sys/firmware"
VARIABLES = "/sys/firmware/efi/efivars"
SECURE_BOOT = "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
SETUP_MODE = "SetupMode-8be4df61-93ca-11d2-aa0d-00e098032b8c"
SHIM_SWITCHED_OFF = "MokSBStateRT-605dab50-e046-4300-abb6-3dd810dd8b23"
LOCKDOWN = "/sys/kernel/security/lockdown"

ATTRIBUTE_BYTES = 4
MAX_VARIABLE = 64

NOT_TOLD = "The system does not tell how it was started."
UNCLEAR = "The firmware does not tell whether secure boot is on."


def read(host: Host) -> Reading:
    """Return whether the firmware, and what it started, had to be signed."""
    inquiry = Inquiry()
    names = inquiry.ask(FIRMWARE, partial(host.list_directory, FIRMWARE))
    if not names:
        # Hidden, as from a container: a folder without anything in it says nothing.
        return unavailable(SIGNAL, host.now(), NOT_TOLD, inquiry.sources)
    lockdown = inquiry.ask(LOCKDOWN, partial(_read_lockdown, host), otherwise=Lockdown.UNKNOWN)
    if "efi" not in names:
        facts = SecureBootFacts(Firmware.OTHER, Mode.OFF, lockdown)
        return ok(SIGNAL, host.now(), facts, inquiry.sources)
    facts = SecureBootFacts(Firmware.UEFI, _read_mode(host, inquiry), lockdown)
    if facts.mode is Mode.UNKNOWN:
        return unavailable(SIGNAL, host.now(), UNCLEAR, inquiry.sources, facts)
    return ok(SIGNAL, host.now(), facts, inquiry.sources)


def parse_switch(name: str, content: bytes) -> bool:
    """Return the one-byte value in a file of efivarfs. Raises `SourceConflictError`."""
    value = content[ATTRIBUTE_BYTES:]
    if value not in (b"\0", b"\1"):
        raise SourceConflictError(name, "neither 0 nor 1")
    return value == b"\1"


def parse_lockdown(content: bytes) -> Lockdown:
    """Return the level in brackets, as in `none [integrity] confidentiality`.

    Raises `SourceConflictError`.
    """
    chosen = content.decode("ascii", "replace").partition("[")[2].partition("]")[0]
    if chosen not in (Lockdown.NONE, Lockdown.INTEGRITY, Lockdown.CONFIDENTIALITY):
        raise SourceConflictError(LOCKDOWN, "not a level of lockdown")
    return Lockdown(chosen)


def _read_lockdown(host: Host) -> Lockdown:
    return parse_lockdown(host.read_file(LOCKDOWN, limit=256))


def _read_mode(host: Host, inquiry: Inquiry) -> Mode:
    names = inquiry.ask(VARIABLES, partial(host.list_directory, VARIABLES))
    if not names:
        return Mode.UNKNOWN
    if SECURE_BOOT not in names:
        return Mode.OFF  # a firmware that has variables and this one not has no secure boot
    secure = _switch(host, inquiry, SECURE_BOOT)
    if secure is None:
        return Mode.UNKNOWN
    other = SHIM_SWITCHED_OFF if secure else SETUP_MODE
    is_set = _switch(host, inquiry, other) if other in names else False
    if secure:
        return {True: Mode.BYPASSED, False: Mode.ENFORCED, None: Mode.UNKNOWN}[is_set]
    return Mode.SETUP if is_set else Mode.OFF


def _switch(host: Host, inquiry: Inquiry, name: str) -> bool | None:
    path = f"{VARIABLES}/{name}"
    return inquiry.ask(path, lambda: parse_switch(path, host.read_file(path, limit=MAX_VARIABLE)))
