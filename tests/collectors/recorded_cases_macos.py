"""Which recorded outputs of real Macs have a test, and which have none and why.

The lists are as in `recorded_cases.py`.
"""

from collections.abc import Mapping

USB_DEVICES = "tests/collectors/signals/usb_devices/test_macos_recordings.py"

COVERED: Mapping[str, str] = {
    "macos/usb_devices/ioreg_iousbhostdevice_text": USB_DEVICES,
    "macos/usb_devices/ioreg_plist_badusb_storage_plus_keyboard": USB_DEVICES,
    "macos/usb_devices/ioreg_plist_clone_of_apple_keyboard": USB_DEVICES,
    "macos/usb_devices/sp_usb_many_sticks_empty_card_reader": USB_DEVICES,
    "macos/usb_devices/sp_usb_old_imac_external_disk": USB_DEVICES,
    "macos/usb_devices/sp_usb_virtualbox_keyboard_tablet": USB_DEVICES,
    "macos/usb_devices/sp_usbhost_26_samsung_ssd": USB_DEVICES,
}

NOT_COVERED: Mapping[str, str] = {}
