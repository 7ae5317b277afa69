"""Every program that a reader may run, each by its absolute paths.

There is no other way to run one. An entry is the list of places where systems keep it; the first
that exists is run. On Windows they lie in the system's own folder, which Windows is asked for, so
that part of the path is left out here.
"""

from enum import Enum


class Program(Enum):
    """A program a reader may run. The value holds the places to look, in order."""

    GSETTINGS = ("/usr/bin/gsettings",)
    KWRITECONFIG = ("/usr/bin/kwriteconfig6", "/usr/bin/kwriteconfig5")
    XFCONF_QUERY = ("/usr/bin/xfconf-query",)
    XSET = ("/usr/bin/xset",)
    ZFS = ("/usr/sbin/zfs", "/sbin/zfs", "/usr/local/sbin/zfs")
    ZPOOL = ("/usr/sbin/zpool", "/sbin/zpool", "/usr/local/sbin/zpool")
    DMSETUP = ("/usr/sbin/dmsetup", "/sbin/dmsetup")
    CRYPTSETUP = ("/usr/sbin/cryptsetup", "/sbin/cryptsetup")
    APT_GET = ("/usr/bin/apt-get",)
    NFT = ("/usr/sbin/nft", "/sbin/nft")
    IPTABLES_SAVE = ("/usr/sbin/iptables-nft-save", "/usr/sbin/iptables-save")
    IP6TABLES_SAVE = ("/usr/sbin/ip6tables-nft-save", "/usr/sbin/ip6tables-save")
    IPTABLES_LEGACY_SAVE = ("/usr/sbin/iptables-legacy-save", "/usr/sbin/iptables-save")
    IP6TABLES_LEGACY_SAVE = ("/usr/sbin/ip6tables-legacy-save", "/usr/sbin/ip6tables-save")

    # macOS
    DEFAULTS = ("/usr/bin/defaults",)
    DISKUTIL = ("/usr/sbin/diskutil",)
    FDESETUP = ("/usr/bin/fdesetup",)
    IOREG = ("/usr/sbin/ioreg",)
    IPCONFIG = ("/usr/sbin/ipconfig",)
    LAUNCHCTL = ("/bin/launchctl",)
    PMSET = ("/usr/bin/pmset",)
    SOCKETFILTERFW = ("/usr/libexec/ApplicationFirewall/socketfilterfw",)
    SUDO = ("/usr/bin/sudo",)
    SYSADMINCTL = ("/usr/sbin/sysadminctl",)
    SYSTEM_PROFILER = ("/usr/sbin/system_profiler",)

    # Windows
    MANAGE_BDE = (r"\manage-bde.exe",)
    REG = (r"\reg.exe",)
    POWERSHELL = (r"\WindowsPowerShell\v1.0\powershell.exe",)

    @property
    def paths(self) -> tuple[str, ...]:
        """Absolute paths, the preferred one first."""
        paths: tuple[str, ...] = self.value
        return paths
