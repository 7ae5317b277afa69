"""Which recorded outputs of real Macs have a test, and which have none and why.

The lists are as in `recorded_cases.py`.
"""

from collections.abc import Mapping

USB_DEVICES = "tests/collectors/signals/usb_devices/test_macos_recordings.py"

SCREEN_LOCK = "tests/collectors/signals/screen_lock/test_macos_recordings.py"
OSQUERY = "Another product's answer: it asks the key bag that sysadminctl asks for the reader."

COVERED: Mapping[str, str] = {
    "macos/screen_lock/defaults_idletime_0_never": SCREEN_LOCK,
    "macos/screen_lock/defaults_idletime_300": SCREEN_LOCK,
    "macos/screen_lock/ioreg_console_unlocked_key_absent": SCREEN_LOCK,
    "macos/screen_lock/managed_prefs_screensaver_profile": SCREEN_LOCK,
    "macos/screen_lock/pmset_custom_desktop": SCREEN_LOCK,
    "macos/screen_lock/sysadminctl_28800_seconds": SCREEN_LOCK,
    "macos/screen_lock/sysadminctl_300_seconds": SCREEN_LOCK,
    "macos/screen_lock/sysadminctl_5_seconds": SCREEN_LOCK,
    "macos/screen_lock/sysadminctl_minus_one": SCREEN_LOCK,
    "macos/usb_devices/ioreg_iousbhostdevice_text": USB_DEVICES,
    "macos/usb_devices/ioreg_plist_badusb_storage_plus_keyboard": USB_DEVICES,
    "macos/usb_devices/ioreg_plist_clone_of_apple_keyboard": USB_DEVICES,
    "macos/usb_devices/sp_usb_many_sticks_empty_card_reader": USB_DEVICES,
    "macos/usb_devices/sp_usb_old_imac_external_disk": USB_DEVICES,
    "macos/usb_devices/sp_usb_virtualbox_keyboard_tablet": USB_DEVICES,
    "macos/usb_devices/sp_usbhost_26_samsung_ssd": USB_DEVICES,
}

NOT_COVERED: Mapping[str, str] = {
    "macos/screen_lock/osquery_screenlock_as_root_empty": OSQUERY,
    "macos/screen_lock/osquery_screenlock_asuser_300": OSQUERY,
    "macos/screen_lock/osquery_screenlock_asuser_disabled": OSQUERY,
}
