"""The attached USB devices as libusb enumerates them, on any system."""

import libusb_package
import usb.core

from passmuster_collectors.host.answers import UsbDescription
from passmuster_collectors.host.base import SourceConflictError, SourceMissingError
from passmuster_collectors.host.system_errors import from_os_error

SOURCE = "libusb"


def devices() -> tuple[UsbDescription, ...]:
    """Return what is attached, without opening a device. Raises `SourceError`."""
    # Named, so that pyusb never searches this machine's library path for another one.
    backend = libusb_package.get_libusb1_backend()
    if backend is None:
        raise SourceMissingError(SOURCE)
    try:
        return tuple(
            UsbDescription(
                device.idVendor,
                device.idProduct,
                tuple(
                    (
                        interface.bInterfaceClass,
                        interface.bInterfaceSubClass,
                        interface.bInterfaceProtocol,
                    )
                    for configuration in device
                    for interface in configuration
                ),
                (device.bus, *(device.port_numbers or ())),
            )
            for device in usb.core.find(find_all=True, backend=backend)
        )
    except usb.core.NoBackendError:
        raise SourceMissingError(SOURCE) from None
    except OSError as error:
        raise from_os_error(SOURCE, error) from None
    except NotImplementedError:
        raise SourceConflictError(SOURCE, "not supported by this libusb") from None
