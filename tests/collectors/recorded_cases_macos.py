"""Which recorded outputs of real Macs have a test, and which have none and why.

The lists are as in `recorded_cases.py`.
"""

from collections.abc import Mapping

DISK_ENCRYPTION = "tests/collectors/signals/disk_encryption/test_macos.py"
IDLE_LOGOFF = "tests/collectors/signals/idle_logoff/test_macos.py"
USB_DEVICES = "tests/collectors/signals/usb_devices/test_macos_recordings.py"

SCREEN_LOCK = "tests/collectors/signals/screen_lock/test_macos_recordings.py"
WIFI_SECURITY = "tests/collectors/signals/wifi_security/test_macos_recordings.py"
TEXTS = "tests/collectors/signals/wifi_security/test_texts_for_people.py"

COVERED: Mapping[str, str] = {
    "macos/disk_encryption/apfs_list_crypto_migration_running": DISK_ENCRYPTION,
    "macos/disk_encryption/fdesetup_decrypting_off_line": DISK_ENCRYPTION,
    "macos/disk_encryption/fdesetup_decrypting_percent": DISK_ENCRYPTION,
    "macos/disk_encryption/fdesetup_deferred_named_user": DISK_ENCRYPTION,
    "macos/disk_encryption/fdesetup_deferred_no_user": DISK_ENCRYPTION,
    "macos/disk_encryption/fdesetup_encrypting_pending_on_battery": DISK_ENCRYPTION,
    "macos/disk_encryption/fdesetup_on": DISK_ENCRYPTION,
    "macos/disk_encryption/fdesetup_on_master_keychain": DISK_ENCRYPTION,
    "macos/disk_encryption/fdesetup_unrecognised": DISK_ENCRYPTION,
    "macos/idle_logoff/autologout_0": IDLE_LOGOFF,
    "macos/idle_logoff/autologout_absent": IDLE_LOGOFF,
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
    "macos/wifi_security/ipconfig_15_6_redacted_wpa2": WIFI_SECURITY,
    "macos/wifi_security/ipconfig_26_open_redacted_dhcp_injection": WIFI_SECURITY,
    "macos/wifi_security/ipconfig_wpa2_psk": WIFI_SECURITY,
    "macos/wifi_security/ipconfig_wpa3_sae_bogus_packet_lines": WIFI_SECURITY,
    "macos/wifi_security/sp_10_15_open_en1": WIFI_SECURITY,
    "macos/wifi_security/sp_12_7_disassociated": WIFI_SECURITY,
    "macos/wifi_security/sp_12_7_wpa2_personal": WIFI_SECURITY,
    "macos/wifi_security/sp_15_5_disassociated": WIFI_SECURITY,
    "macos/wifi_security/sp_15_5_hotspot_wpa2_with_awdl0": WIFI_SECURITY,
    "macos/wifi_security/sp_15_5_wifi_off": WIFI_SECURITY,
    "macos/wifi_security/sp_15_5_wpa2_personal": WIFI_SECURITY,
    "macos/wifi_security/sp_redacted_ssid_wpa3_transition_apple_typo": WIFI_SECURITY,
    "macos/screen_lock/osquery_screenlock_as_root_empty": SCREEN_LOCK,
    "macos/screen_lock/osquery_screenlock_asuser_300": SCREEN_LOCK,
    "macos/screen_lock/osquery_screenlock_asuser_disabled": SCREEN_LOCK,
    "macos/wifi_security/airport_getinfo_wpa2": TEXTS,
    "macos/wifi_security/sp_text_15_5_wpa2_labels": TEXTS,
    "macos/wifi_security/wdutil_15_open_2g": TEXTS,
    "macos/wifi_security/wdutil_non_root_usage": TEXTS,
}

NOT_COVERED: Mapping[str, str] = {}
