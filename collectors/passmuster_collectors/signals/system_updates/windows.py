r"""System and updates on Windows: its build and edition, and whether an update asks for a restart.

`HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion` names build, revision and edition. Windows keeps
no count of waiting updates that can be read without asking its update service, which takes longer
than a reading may.
"""

from functools import partial

from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.contract.reading import Reading, ok, unavailable
from passmuster_collectors.host.base import Host, SourceConflictError, SourceMissingError
from passmuster_collectors.host.windows_answers import Hive
from passmuster_collectors.signals import registry_settings
from passmuster_collectors.signals.inquiry import Inquiry
from passmuster_collectors.signals.system_updates.facts import SystemUpdatesFacts

SIGNAL = "system_updates"

VERSION = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
UPDATE = r"SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate"
AUTO_UPDATE = "Auto Update"
RESTART = "RebootRequired"
LONG_SUPPORT = ("EnterpriseS", "EnterpriseG", "IoTEnterpriseS")
"""Editions with support periods of their own."""

NO_VERSION = "Windows does not tell its version."
UNCLEAR = "It could not be read whether an update asks for a restart."


def read(host: Host) -> Reading:
    """Return which Windows it is, and whether it waits for a restart."""
    inquiry = Inquiry()
    found = inquiry.ask(rf"{Hive.LOCAL_MACHINE}\{VERSION}", partial(_version, host))
    if found is None:
        return unavailable(SIGNAL, host.now(), NO_VERSION, inquiry.sources)
    system, version = found
    restart = inquiry.ask(
        rf"{Hive.LOCAL_MACHINE}\{UPDATE}\{AUTO_UPDATE}", partial(_restart, host), otherwise=UNKNOWN
    )
    facts = SystemUpdatesFacts(
        system, version, None, f"{host.now():%Y-%m}", None, None, restart_needed=restart
    )
    if restart == UNKNOWN:
        return unavailable(SIGNAL, host.now(), UNCLEAR, inquiry.sources, facts)
    return ok(SIGNAL, host.now(), facts, inquiry.sources)


def system_of(edition: str) -> str:
    """Return the name under which the calendar of support has an edition."""
    if edition.startswith(LONG_SUPPORT):
        return "windows_ltsc"
    if edition.startswith(("Enterprise", "Education", "IoTEnterprise")):
        return "windows_enterprise"
    return "windows"


def _version(host: Host) -> tuple[str, str]:
    build = registry_settings.number(host, Hive.LOCAL_MACHINE, VERSION, "CurrentBuild")
    revision = registry_settings.number(host, Hive.LOCAL_MACHINE, VERSION, "UBR")
    edition = registry_settings.text(host, Hive.LOCAL_MACHINE, VERSION, "EditionID")
    if build is None or edition is None:
        raise SourceConflictError(VERSION, "no build or no edition")
    return system_of(edition), str(build) if revision is None else f"{build}.{revision}"


def _restart(host: Host) -> bool:
    if AUTO_UPDATE not in host.registry_keys(Hive.LOCAL_MACHINE, UPDATE):
        raise SourceMissingError(rf"{UPDATE}\{AUTO_UPDATE}")
    return RESTART in host.registry_keys(Hive.LOCAL_MACHINE, rf"{UPDATE}\{AUTO_UPDATE}")
