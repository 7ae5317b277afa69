"""Block devices and mounts as the kernel shows them, written from its documentation.

One description gives a recorded machine: `/sys/class/block`, `/sys/dev/block`, the mount table of
the first process, `/proc/swaps` and what else the reader looks at.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

BUILT_IN = "/sys/devices/pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0/block"
ON_USB = "/sys/devices/pci0000:00/0000:00:14.0/usb2/2-1/2-1:1.0/host4/target4:0:0/4:0:0:0/block"
VIRTUAL = "/sys/devices/virtual/block"

UUID = "a1b2c3d4e5f60718293a4b5c6d7e8f90"

KERNEL_THREAD = "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 24\n"
NULL_CIPHER_UNUSED = "name : ecb(cipher_null)\nrefcnt : 1\n\nname : xts(aes)\nrefcnt : 5\n"


@dataclass(frozen=True)
class Block:
    """One block device: `files` are attributes below its folder, `below` its slaves."""

    name: str
    number: str
    folder: str
    below: Sequence[str] = ()
    files: Mapping[str, str] = field(default_factory=dict)


def disk(name: str, number: str, folder: str = BUILT_IN, **files: str) -> Block:
    """Return a whole disk that is hardware."""
    return Block(name, number, f"{folder}/{name}", files={"removable": "0", **files})


def partition(name: str, number: str, of: Block) -> Block:
    """Return a partition of a disk."""
    return Block(name, number, f"{of.folder}/{name}", files={"partition": "1"})


def mapped(name: str, number: str, mapper_name: str, uuid: str, *below: str) -> Block:
    """Return a device mapper device over others, by its UUID."""
    files = {"dm/name": mapper_name, "dm/uuid": uuid}
    return Block(name, number, f"{VIRTUAL}/{name}", below, files)


def crypt(name: str, number: str, mapper_name: str, below: str, kind: str = "LUKS2") -> Block:
    """Return what cryptsetup makes of a device."""
    unique = "" if kind == "PLAIN" else f"{UUID}-"
    return mapped(name, number, mapper_name, f"CRYPT-{kind}-{unique}{mapper_name}", below)


def logical(name: str, number: str, mapper_name: str, *below: str) -> Block:
    """Return a logical volume of LVM."""
    return mapped(name, number, mapper_name, f"LVM-{'x' * 64}", *below)


def virtual(name: str, number: str, *below: str, **files: str) -> Block:
    """Return another device of the kernel's own: `md0`, `loop0`, `zram0`."""
    attributes = {key.replace("__", "/"): value for key, value in files.items()}
    return Block(name, number, f"{VIRTUAL}/{name}", below, attributes)


@dataclass(frozen=True)
class Mounted:
    """A line of the mount table."""

    point: str
    number: str
    kind: str = "ext4"
    source: str = "/dev/root"
    root: str = "/"
    options: str = "rw"


def mountinfo(*mounts: Mounted) -> str:
    """Return a mount table in which each mount hangs on the nearest one above it."""
    lines = []
    for index, mount in enumerate(mounts):
        above = [
            other
            for other, earlier in enumerate(mounts[:index])
            if mount.point == earlier.point
            or mount.point.startswith(earlier.point.rstrip("/") + "/")
        ]
        parent = max(above, key=lambda other: (len(mounts[other].point), other), default=-20)
        lines.append(
            f"{20 + index} {20 + parent} {mount.number} {mount.root} {mount.point} rw,relatime "
            f"shared:{index} - {mount.kind} {mount.source} {mount.options}\n"
        )
    return "".join(lines)


def machine(
    blocks: Sequence[Block],
    mounts: Sequence[Mounted],
    swaps: Sequence[tuple[str, str]] = (),
    **sections: Any,
) -> dict[str, Any]:
    """Return a recorded machine. `swaps` are pairs of path and `partition` or `file`."""
    files: dict[str, Any] = {
        "/proc/2/stat": KERNEL_THREAD,
        "/proc/1/mountinfo": mountinfo(*mounts),
        "/proc/swaps": "Filename\tType\tSize\tUsed\tPriority\n"
        + "".join(f"{path} {kind} 8388604 0 -2\n" for path, kind in swaps),
        "/proc/cmdline": "BOOT_IMAGE=/vmlinuz root=/dev/root ro quiet\n",
        "/proc/crypto": NULL_CIPHER_UNUSED,
        "/etc/passwd": "root:x:0:0:root:/root:/bin/bash\nana:x:1000:1000::/home/ana:/bin/bash\n",
    }
    links: dict[str, str] = {}
    directories: dict[str, list[str]] = {}
    for block in blocks:
        links[f"/sys/class/block/{block.name}"] = block.folder
        links[f"/sys/dev/block/{block.number}"] = block.folder
        files[f"{block.folder}/dev"] = f"{block.number}\n"
        for name, content in block.files.items():
            files[f"{block.folder}/{name}"] = f"{content}\n"
        if "partition" not in block.files:
            directories[f"{block.folder}/slaves"] = list(block.below)
    given: dict[str, Any] = {
        "platform": "linux",
        "uid": 0,
        "files": files,
        "links": links,
        "directories": directories,
    }
    for name, section in sections.items():
        given[name] = {**given.get(name, {}), **section} if isinstance(section, dict) else section
    return given
