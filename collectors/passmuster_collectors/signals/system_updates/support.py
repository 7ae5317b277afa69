"""Until when each version of a system gets security updates.

Debian and Ubuntu: the tables of the package distro-info-data (Debian: the end of long-term support;
Ubuntu: that of standard support). Derivatives follow the system they are made of, by their own
announcements. Fedora names the day itself: `SUPPORT_END` of os-release(5), which wins over this
table. Apple publishes no days: three years after a version came out it is the fourth newest, and
those were never mended. Windows: Microsoft's lifecycle pages, by build; Enterprise and Education
have support for a year longer than Home and Pro.
"""

from collections.abc import Mapping
from datetime import date

SUPPORT_ENDS: Mapping[str, Mapping[str, date]] = {
    "debian": {
        "9": date(2022, 6, 30),
        "10": date(2024, 6, 30),
        "11": date(2026, 8, 31),
        "12": date(2028, 6, 30),
        "13": date(2030, 6, 30),
    },
    "ubuntu": {
        "18.04": date(2023, 5, 31),
        "20.04": date(2025, 5, 29),
        "22.04": date(2027, 6, 1),
        "23.04": date(2024, 1, 25),
        "23.10": date(2024, 7, 11),
        "24.04": date(2029, 5, 31),
        "24.10": date(2025, 7, 10),
        "25.04": date(2026, 1, 15),
        "25.10": date(2026, 7, 9),
        "26.04": date(2031, 5, 29),
    },
    "linuxmint": {
        "20": date(2025, 4, 30),
        "21": date(2027, 4, 30),
        "22": date(2029, 4, 30),
    },
    "macos": {
        "11": date(2023, 9, 30),
        "12": date(2024, 9, 30),
        "13": date(2025, 9, 30),
        "14": date(2026, 9, 30),
        "15": date(2027, 9, 30),
        "26": date(2028, 9, 30),
    },
    "windows": {
        "19045": date(2025, 10, 14),
        "22000": date(2023, 10, 10),
        "22621": date(2024, 10, 8),
        "22631": date(2025, 11, 11),
        "26100": date(2026, 10, 13),
        "26200": date(2027, 10, 12),
    },
    "windows_enterprise": {
        "19045": date(2025, 10, 14),
        "22000": date(2024, 10, 8),
        "22621": date(2025, 10, 14),
        "22631": date(2026, 11, 10),
        "26100": date(2027, 10, 12),
        "26200": date(2028, 10, 10),
    },
}
"""By os-release(5)'s `ID` (a Mac: `macos`, a PC: `windows`), then by version or what is before its
first dot."""

ROLLING = frozenset({"arch", "cachyos", "endeavouros", "manjaro", "opensuse-tumbleweed", "void"})
"""Systems that are renewed all the time: who updates has support."""


def support_end(system: str, version: str) -> date | None:
    """Return the last day of support, or None where it is not known."""
    versions = SUPPORT_ENDS.get(system, {})
    return versions.get(version) or versions.get(version.partition(".")[0])
