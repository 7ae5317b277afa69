"""Which recorded outputs of real machines have a test, and which have none and why.

Each signal's room keeps its own lines. `test_recordings_coverage.py` fails for a case that is in
neither list, for a line whose case is gone, and for a test that does not name its case.
"""

from collections.abc import Mapping

# `<platform>/<signal>/<case>` → the test that reads it, from the repository's root.
COVERED: Mapping[str, str] = {
    "linux/disk_encryption/crypttab_keyfile_home": (
        "tests/collectors/signals/disk_encryption/test_recordings.py"
    ),
    "linux/disk_encryption/lsblk_multi_disk_luks_elsewhere_root_plain": (
        "tests/collectors/signals/disk_encryption/test_recordings.py"
    ),
    "linux/disk_encryption/lsblk_nixos_luks_on_lvm_mountpoint_not_slash": (
        "tests/collectors/signals/disk_encryption/test_recordings.py"
    ),
    "linux/disk_encryption/lsblk_text_lvm_plain": (
        "tests/collectors/signals/disk_encryption/test_recordings.py"
    ),
    "linux/disk_encryption/lsblk_text_multipath_many_parents": (
        "tests/collectors/signals/disk_encryption/test_recordings.py"
    ),
    "linux/disk_encryption/proc_swaps_swapfile": (
        "tests/collectors/signals/disk_encryption/test_recordings.py"
    ),
    "linux/disk_encryption/zfs_get_H_all_off": (
        "tests/collectors/signals/disk_encryption/test_recordings.py"
    ),
    "linux/screen_lock/dconf_dump_no_lock_keys": (
        "tests/collectors/signals/screen_lock/test_recordings.py"
    ),
    "linux/screen_lock/dconf_flight_idle0_lock_off": (
        "tests/collectors/signals/screen_lock/test_recordings.py"
    ),
    "linux/screen_lock/dconf_ini_untyped_ints": (
        "tests/collectors/signals/screen_lock/test_recordings.py"
    ),
    "linux/screen_lock/dconf_keyfile_server_lock_off": (
        "tests/collectors/signals/screen_lock/test_recordings.py"
    ),
    "linux/screen_lock/gnome_screensaver_group_without_lock_keys": (
        "tests/collectors/signals/screen_lock/test_recordings.py"
    ),
    "linux/screen_lock/hypridle_lock_1800": (
        "tests/collectors/signals/screen_lock/test_recordings.py"
    ),
    "linux/screen_lock/kde_kdedefaults_theme_only": (
        "tests/collectors/signals/screen_lock/test_recordings.py"
    ),
    "linux/screen_lock/kde_powermanagementprofiles": (
        "tests/collectors/signals/idle_logoff/test_suspend.py"
    ),
    "linux/screen_lock/kde_timeout_30": ("tests/collectors/signals/screen_lock/test_recordings.py"),
    "linux/screen_lock/kde_user_autolock_off_timeout0": (
        "tests/collectors/signals/screen_lock/test_recordings.py"
    ),
    "linux/screen_lock/loginctl_locked_hint_wlroots_defect": (
        "tests/collectors/signals/screen_lock/test_recordings.py"
    ),
    "linux/screen_lock/xfconf_xfce4_power_manager": (
        "tests/collectors/signals/screen_lock/test_recordings.py"
    ),
    "linux/screen_lock/xfconf_xfce4_power_manager_default": (
        "tests/collectors/signals/screen_lock/test_recordings.py"
    ),
    "linux/usb_devices/arduino_leonardo_descriptors": (
        "tests/collectors/signals/usb_devices/test_recordings.py"
    ),
    "linux/usb_devices/bashbunny_attackmode_ids": (
        "tests/collectors/signals/usb_devices/test_recordings.py"
    ),
    "linux/usb_devices/lsusb_v_bos": "tests/collectors/signals/usb_devices/test_recordings.py",
    "linux/usb_devices/lsusb_v_cdc_mbim_modem": (
        "tests/collectors/signals/usb_devices/test_recordings.py"
    ),
    "linux/usb_devices/lsusb_v_single": "tests/collectors/signals/usb_devices/test_recordings.py",
    "linux/idle_logoff/loginctl_show_session_ssh": (
        "tests/collectors/signals/idle_logoff/test_recordings.py"
    ),
    "linux/idle_logoff/logind_conf_wrong_section": (
        "tests/collectors/signals/idle_logoff/test_recordings.py"
    ),
    "linux/idle_logoff/tmout_commented": (
        "tests/collectors/signals/idle_logoff/test_recordings.py"
    ),
    "linux/idle_logoff/tmout_conflict_profile_and_d": (
        "tests/collectors/signals/idle_logoff/test_recordings.py"
    ),
    "linux/idle_logoff/tmout_multiline_readonly": (
        "tests/collectors/signals/idle_logoff/test_recordings.py"
    ),
    "linux/idle_logoff/tmout_typeset_800": (
        "tests/collectors/signals/idle_logoff/test_recordings.py"
    ),
    "linux/wifi_security/wpa_cli_status_wpa_psk": (
        "tests/collectors/signals/wifi_security/test_recordings.py"
    ),
    "linux/wifi_security/iwctl_station_show_no_security_row": (
        "tests/collectors/signals/wifi_security/test_recordings.py"
    ),
}

# `<platform>/<signal>/<case>` → why no reader has anything to learn from it.
NOT_COVERED: Mapping[str, str] = {
    "linux/disk_encryption/cryptsetup_status_active_luks2": (
        "cryptsetup's text for people is not read: dm/uuid in sysfs says the same."
    ),
    "linux/disk_encryption/cryptsetup_status_active_mounted": (
        "cryptsetup's text for people is not read: dm/uuid in sysfs says the same."
    ),
    "linux/disk_encryption/cryptsetup_status_active_umounted": (
        "cryptsetup's text for people is not read: dm/uuid in sysfs says the same."
    ),
    "linux/disk_encryption/cryptsetup_status_inactive": (
        "cryptsetup's text for people is not read: dm/uuid in sysfs says the same."
    ),
    "linux/disk_encryption/cryptsetup_status_unactive": (
        "cryptsetup's text for people is not read: dm/uuid in sysfs says the same."
    ),
    "linux/disk_encryption/lsblk_allcols_ubuntu_18_04": (
        "lsblk is not read, and the columns of this output can't be told apart."
    ),
    "linux/disk_encryption/lsblk_text_pairs_all_columns": (
        "lsblk is not read, and this output does not say what lies over what."
    ),
    "linux/disk_encryption/lsblk_text_pairs_with_stderr_noise": (
        "lsblk is not read: sysfs has no messages in between."
    ),
    "linux/disk_encryption/zfs_get_home_dataset": (
        "A table for people: the reader asks zfs for the form without headings."
    ),
    "linux/usb_devices/xfconf_thunar_volman": (
        "Whether the desktop mounts a stick by itself does not change what may be plugged in."
    ),
    "linux/wifi_security/iw_scan2": "Scans say what is offered; the daemons say what was chosen.",
    "linux/wifi_security/iw_scan_associated_wpa2": (
        "No program's text is read: the daemons are asked over D-Bus."
    ),
    "linux/wifi_security/iwconfig_no_security_info": (
        "No program's text is read: the daemons are asked over D-Bus."
    ),
    "linux/wifi_security/nmcli_terse_escaped_colons": (
        "No program's text is read: NetworkManager is asked over D-Bus."
    ),
}
