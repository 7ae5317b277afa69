"""Which recorded outputs of real machines have a test, and which have none and why.

Each signal's room keeps its own lines. `test_recordings_coverage.py` fails for a case that is in
neither list, for a line whose case is gone, and for a test that does not name its case.
"""

from collections.abc import Mapping

# `<platform>/<signal>/<case>` → the test that reads it, from the repository's root.
COVERED: Mapping[str, str] = {
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
}

# `<platform>/<signal>/<case>` → why no reader has anything to learn from it.
NOT_COVERED: Mapping[str, str] = {
    "linux/usb_devices/xfconf_thunar_volman": (
        "Whether the desktop mounts a stick by itself does not change what may be plugged in."
    ),
}
