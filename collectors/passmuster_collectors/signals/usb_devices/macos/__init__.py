"""USB devices on a Mac, from the I/O registry; system_profiler(8) vouches for an empty one."""

from collections.abc import Sequence

from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.contract.reading import Reading, ok, unavailable
from passmuster_collectors.host.base import Host, SourceError
from passmuster_collectors.host.commands import Program
from passmuster_collectors.signals.inquiry import Inquiry
from passmuster_collectors.signals.program_output import (
    parsed_json,
    parsed_plist,
    succeeded,
)
from passmuster_collectors.signals.usb_devices.answers import displayed_name
from passmuster_collectors.signals.usb_devices.facts import UsbDevicesFacts
from passmuster_collectors.signals.usb_devices.indicators import (
    MAX_DEVICES,
    AttachedDevice,
    most_telling,
    with_indicators,
)
from passmuster_collectors.signals.usb_devices.macos.host_report import (
    REPORTS,
    HostReport,
    ReportedDevice,
    parse_host_report,
)
from passmuster_collectors.signals.usb_devices.macos.registry import RegistryDevice, parse_registry

SIGNAL = "usb_devices"
REPORT_TIMEOUT_S = 4.0

NOT_TOLD = "macOS did not say which USB devices are attached."
TOO_MANY = f"More than {MAX_DEVICES} USB devices are attached."


def read(host: Host) -> Reading:
    """Return the attached devices that are no hubs.

    An empty registry is what a Mac without USB devices has and what a question that failed may
    look like, so the other report has to name buses and no devices then.
    """
    inquiry = Inquiry()
    registered = inquiry.ask("ioreg IOUSBHostDevice", lambda: _registry(host))
    if registered:
        devices = _attached(host, registered)
    else:
        report = inquiry.ask("system_profiler USB", lambda: _report(host))
        devices = [_reported(host, device) for device in report.devices] if report else []
        if registered is not None and report is not None and (devices or not report.buses):
            inquiry.contradict("USB devices", "ioreg and system_profiler do not agree")
        if registered is None and not devices:
            return unavailable(SIGNAL, host.now(), NOT_TOLD, inquiry.sources)
    facts = UsbDevicesFacts(with_indicators(most_telling(devices)))
    if len(devices) > MAX_DEVICES:
        return unavailable(SIGNAL, host.now(), TOO_MANY, inquiry.sources, facts)
    if not inquiry.is_complete:
        return unavailable(SIGNAL, host.now(), NOT_TOLD, inquiry.sources, facts)
    return ok(SIGNAL, host.now(), facts, inquiry.sources)


def _registry(host: Host) -> tuple[RegistryDevice, ...]:
    arguments = ("-r", "-c", "IOUSBHostDevice", "-l", "-a")
    printed = succeeded(Program.IOREG, host.run(Program.IOREG, *arguments))
    # It prints nothing at all where no entry is of that class.
    return parse_registry(parsed_plist(Program.IOREG.paths[0], printed)) if printed.strip() else ()


def _report(host: Host) -> HostReport:
    """Return the first report that names a bus: which one that is depends on the macOS."""
    program = Program.SYSTEM_PROFILER
    refusal: SourceError | None = None
    for report in REPORTS:
        try:
            completed = host.run(program, "-json", report, timeout_s=REPORT_TIMEOUT_S)
            printed = succeeded(program, completed)
            found = parse_host_report(parsed_json(program.paths[0], printed))
        except SourceError as error:
            refusal = error
            continue
        if found.buses:
            return found
    if refusal is not None:
        raise refusal
    return HostReport(0, ())


def _attached(host: Host, registered: Sequence[RegistryDevice]) -> list[AttachedDevice]:
    sessions = [device.session for device in registered if device.session is not None]
    newest = max(sessions, default=0)
    return [_device(host, device, newest) for device in registered if not device.is_hub]


def _device(host: Host, device: RegistryDevice, newest: int) -> AttachedDevice:
    return AttachedDevice(
        vendor_id=f"{device.vendor_id:04x}",
        product_id=f"{device.product_id:04x}",
        name=displayed_name(device.manufacturer, device.product),
        serial=_hashed(host, device.serial),
        interfaces=device.interfaces,
        location=device.location,
        keyboard=device.keyboard,
        storage=device.storage,
        network=device.network,
        serial_port=device.serial_port,
        # Only which one came first is asked of it: longer than the newest device, by the clock
        # ticks that sessions are counted in.
        attached_for_ms=None if device.session is None else newest - device.session,
    )


def _reported(host: Host, device: ReportedDevice) -> AttachedDevice:
    return AttachedDevice(
        vendor_id=f"{device.vendor_id:04x}",
        product_id=f"{device.product_id:04x}",
        name=displayed_name(device.manufacturer, device.product),
        serial=_hashed(host, device.serial),
        interfaces=frozenset(),
        location=device.location,
        keyboard=UNKNOWN,
        storage=device.storage,
        network=UNKNOWN,
    )


def _hashed(host: Host, serial: str) -> str | None:
    plain = serial.strip().encode("utf-8", "replace")
    return host.keyed_hash("usb_serial", plain) if plain else None
