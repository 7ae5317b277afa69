"""Which recorded outputs of real Windows PCs have a test, and which have none and why.

The lists are as in `recorded_cases.py`.
"""

from collections.abc import Mapping

DISK_ENCRYPTION = "tests/collectors/signals/disk_encryption/test_windows_recordings.py"
IDLE_LOGOFF = "tests/collectors/signals/idle_logoff/test_windows_recordings.py"
SCREEN_LOCK = "tests/collectors/signals/screen_lock/test_windows_recordings.py"
USB_DEVICES = "tests/collectors/signals/usb_devices/test_windows_recordings.py"
WIFI_SECURITY = "tests/collectors/signals/wifi_security/test_windows_recordings.py"

NETSH = "tests/collectors/signals/wifi_security/test_texts_for_people.py"

COVERED: Mapping[str, str] = {
    "windows/disk_encryption/get_bitlockervolume_list_on": DISK_ENCRYPTION,
    "windows/disk_encryption/get_bitlockervolume_suspended": DISK_ENCRYPTION,
    "windows/disk_encryption/manage_bde_access_denied": DISK_ENCRYPTION,
    "windows/disk_encryption/manage_bde_de_on_used_space": DISK_ENCRYPTION,
    "windows/disk_encryption/manage_bde_en_encrypting_99_protection_off": DISK_ENCRYPTION,
    "windows/disk_encryption/manage_bde_en_preprovisioned_converting": DISK_ENCRYPTION,
    "windows/disk_encryption/manage_bde_en_used_space_only_no_protectors": DISK_ENCRYPTION,
    "windows/disk_encryption/manage_bde_p_exitcodes": DISK_ENCRYPTION,
    "windows/disk_encryption/shell_property_0": DISK_ENCRYPTION,
    "windows/disk_encryption/shell_property_3": DISK_ENCRYPTION,
    "windows/disk_encryption/shell_property_4": DISK_ENCRYPTION,
    "windows/disk_encryption/shell_property_5": DISK_ENCRYPTION,
    "windows/disk_encryption/wmi_cached_property_stale_win11_26100": DISK_ENCRYPTION,
    "windows/disk_encryption/wmi_encrypting_rounds_to_100": DISK_ENCRYPTION,
    "windows/disk_encryption/wmi_locked_data_volume": DISK_ENCRYPTION,
    "windows/disk_encryption/wmi_on": DISK_ENCRYPTION,
    "windows/disk_encryption/wmi_suspended": DISK_ENCRYPTION,
    "windows/disk_encryption/wmi_used_space_only": DISK_ENCRYPTION,
    "windows/idle_logoff/console_only_locks": IDLE_LOGOFF,
    "windows/idle_logoff/rdp_policy_15min_end_session": IDLE_LOGOFF,
    "windows/screen_lock/powercfg_consolelock_hidden_modern_standby": SCREEN_LOCK,
    "windows/screen_lock/powercfg_consolelock_on": SCREEN_LOCK,
    "windows/screen_lock/powercfg_videoidle_fr": SCREEN_LOCK,
    "windows/screen_lock/powercfg_videoidle_sl_never_ac": SCREEN_LOCK,
    "windows/screen_lock/reg_delaylockinterval_0": SCREEN_LOCK,
    "windows/screen_lock/reg_inactivitytimeoutsecs_0": SCREEN_LOCK,
    "windows/screen_lock/reg_inactivitytimeoutsecs_12c": SCREEN_LOCK,
    "windows/screen_lock/reg_inactivitytimeoutsecs_384": SCREEN_LOCK,
    "windows/screen_lock/reg_inactivitytimeoutsecs_69": SCREEN_LOCK,
    "windows/screen_lock/reg_inactivitytimeoutsecs_missing": SCREEN_LOCK,
    "windows/screen_lock/reg_user_screensaver_active_but_no_exe": SCREEN_LOCK,
    "windows/screen_lock/reg_user_screensaver_not_secure": SCREEN_LOCK,
    "windows/usb_devices/cim_barcode_scanner_serial_with_slash": USB_DEVICES,
    "windows/usb_devices/pnp_deviceid_usbstor_flash_disk": USB_DEVICES,
    "windows/usb_devices/pnp_deviceid_usbstor_uf2_bootloader": USB_DEVICES,
    "windows/usb_devices/pnp_json_composite_hid_serial": USB_DEVICES,
    "windows/usb_devices/registry_enum_usb_win7_fr": USB_DEVICES,
    "windows/wifi_security/netsh_24h2_location_denied_error5": WIFI_SECURITY,
    "windows/wifi_security/netsh_no_wireless_interface": WIFI_SECURITY,
    "windows/wifi_security/wlanapi_vendor_ihv": WIFI_SECURITY,
    "windows/wifi_security/wlanapi_wep_shared": WIFI_SECURITY,
    "windows/wifi_security/wlanapi_wep_with_open_auth": WIFI_SECURITY,
    "windows/wifi_security/wlanapi_wpa2_enterprise": WIFI_SECURITY,
    "windows/wifi_security/wlanapi_wpa3_ent": WIFI_SECURITY,
    "windows/wifi_security/wlanapi_wpa3_sae": WIFI_SECURITY,
    "windows/wifi_security/wlanapi_wpa_psk_tkip": WIFI_SECURITY,
    "windows/wifi_security/netsh_de_wpa2_enterprise": NETSH,
    "windows/wifi_security/netsh_en_wifi7_wpa3_h2e_akm_two_interfaces": NETSH,
    "windows/wifi_security/netsh_en_wpa2_personal": NETSH,
    "windows/wifi_security/netsh_es_open": NETSH,
    "windows/wifi_security/netsh_fr_open_ouvrir": NETSH,
    "windows/wifi_security/netsh_ja_wpa2_personal": NETSH,
    "windows/wifi_security/netsh_no_known_labels": NETSH,
    "windows/wifi_security/netsh_profile_de": NETSH,
    "windows/wifi_security/netsh_profile_fr": NETSH,
    "windows/wifi_security/netsh_pt_br_wpa2_personal": NETSH,
}

NOT_COVERED: Mapping[str, str] = {}
