"""Block devices: from the one that is mounted down to the hardware, along every leg.

Sources: `/sys/class/block/<name>` and `/sys/dev/block/<major>:<minor>`
(Documentation/ABI/stable/sysfs-block and testing/sysfs-block-dm of the kernel). All of it is
readable without privileges.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from passmuster_collectors.host.base import Host, SourceConflictError, SourceError
from passmuster_collectors.signals.disk_encryption.facts import Method, State
from passmuster_collectors.signals.disk_encryption.linux import device_mapper
from passmuster_collectors.signals.disk_encryption.linux.evidence import Evidence, if_there
from passmuster_collectors.signals.disk_encryption.linux.mapper_programs import MapperPrograms
from passmuster_collectors.signals.disk_encryption.linux.protection import (
    NOT_AT_REST,
    Protection,
    unknown,
    weakest,
)

BLOCKS = "/sys/class/block"
MAX_DEPTH = 64

IN_MEMORY = re.compile(r"(zram|ram)\d+(p\d+)?\Z")
ELSEWHERE = re.compile(r"(zd|nbd|rbd|drbd)\d+(p\d+)?\Z")
"""Disks whose bytes rest where sysfs does not show: ZFS volumes and network disks."""

VIRTUAL = "/devices/virtual/block/"
ON_USB = re.compile(r"/usb\d+/")


@dataclass(frozen=True)
class Block:
    """One block device. `below` are the devices that it writes to, `file` the file that it does."""

    name: str
    path: str
    below: tuple[str, ...]
    file: str | None
    mapping: device_mapper.Mapping | None
    mapper_name: str
    removable: bool


def parse_name(path: str) -> str | None:
    """Return the kernel's name of a device file below `/dev`, or None for another path."""
    if not path.startswith("/dev/") or path == "/dev/":
        return None
    return path.removeprefix("/dev/").replace("/", "!")


class BlockDevices:
    """The block devices of one machine. What was read is kept for the next question.

    `file_protection` tells how a file rests: a loop device is as good as what holds its file.
    """

    def __init__(
        self,
        host: Host,
        evidence: Evidence,
        file_protection: Callable[[str], Protection],
    ) -> None:
        self._host = host
        self._evidence = evidence
        self._file_protection = file_protection
        self._mapper = MapperPrograms(host, evidence)
        self._blocks: dict[str, Block] = {}
        self._protections: dict[str, Protection] = {}

    def name_of(self, device: tuple[int, int]) -> str:
        """Return the name behind (major, minor). Raises `SourceError`."""
        return self._host.resolve(f"/sys/dev/block/{device[0]}:{device[1]}").rpartition("/")[2]

    def name_behind(self, device_file: str) -> str:
        """Return the name behind a path such as `/dev/mapper/root`. Raises `SourceError`."""
        if device_file.startswith("/dev/mapper/"):
            wanted = device_file.removeprefix("/dev/mapper/")
            for name in self._host.list_directory(BLOCKS):
                if name.startswith("dm-") and self._attribute(name, "dm/name") == wanted:
                    return name
        direct = parse_name(device_file)
        if direct is not None and self._exists(direct):
            return direct
        behind = parse_name(self._host.resolve(device_file))
        if behind is None:
            raise SourceConflictError(device_file, "not a device file")
        return behind

    def block(self, name: str) -> Block:
        """Return one block device. Raises `SourceError`."""
        if name not in self._blocks:
            self._blocks[name] = self._read(name)
        return self._blocks[name]

    def protection(self, name: str, above: tuple[str, ...] = ()) -> Protection:
        """Return how data written to a device rests. What can't be read makes it unknown."""
        if name in above or len(above) > MAX_DEPTH:
            return unknown(SourceConflictError(f"{BLOCKS}/{name}", "a circle of devices"))
        if name not in self._protections:
            try:
                self._protections[name] = self._walk(self.block(name), (*above, name))
                self._evidence.read(BLOCKS)
            except SourceError as error:
                self._protections[name] = unknown(error)
        return self._protections[name]

    def _walk(self, block: Block, above: tuple[str, ...]) -> Protection:
        if block.file is not None:
            return self._file_protection(block.file)
        if block.below:
            under = weakest(self.protection(name, above) for name in block.below)
        elif IN_MEMORY.match(block.name):
            return NOT_AT_REST
        elif ELSEWHERE.match(block.name) or VIRTUAL in block.path:
            what = f"{BLOCKS}/{block.name}"
            under = unknown(SourceConflictError(what, "what is behind it does not show"))
        else:
            disk = frozenset({block.name})
            removable = disk if block.removable else frozenset()
            under = Protection(State.UNENCRYPTED, disks=disk, removable=removable)
        if block.mapping is None or block.mapping.role is device_mapper.Role.PASSES_ON:
            return under
        return self._through(block, block.mapping, under)

    def _through(
        self, block: Block, mapping: device_mapper.Mapping, under: Protection
    ) -> Protection:
        if under.state is None:
            return under
        try:
            layer = self._layer(block, mapping)
        except SourceError as error:
            layer = unknown(error, under, mapping.method)
        if layer is None or (
            # A layer in doubt or in the making takes nothing from another one below it.
            layer.state is not State.ENCRYPTED and under.state is State.ENCRYPTED
        ):
            return under
        return replace(layer, disks=under.disks, removable=under.removable)

    def _layer(self, block: Block, mapping: device_mapper.Mapping) -> Protection | None:
        """Return what an encrypting device does; None where it does nothing."""
        if mapping.role is device_mapper.Role.UNKNOWN:
            raise SourceConflictError(f"{BLOCKS}/{block.name}/dm/uuid", "a type that is not known")
        method = mapping.method
        table = self._mapper.table(block.mapper_name)
        if table is None:
            self._mapper.rule_out_null_cipher()
        elif table.has_null_cipher:
            return None
        elif method is Method.HARDWARE and "crypt" in table.targets:
            method = Method.LUKS2
        elif (
            method is not Method.HARDWARE
            and "crypt" not in table.targets
            and not self._stand_ins(block)
        ):
            # The kernel's own table outweighs a name that says it encrypts.
            raise SourceConflictError(
                f"{BLOCKS}/{block.name}/dm/uuid", "its table does not encrypt"
            )
        state = State.ENCRYPTED
        if self._stand_ins(block) or (table is not None and table.is_partly_plain):
            state = self._mapper.change(self._below_stand_ins(block))
        return Protection(state, method, frozenset({block.name}))

    def _stand_ins(self, block: Block) -> set[str]:
        below = ((name, self.block(name).mapper_name) for name in block.below)
        return {name for name, mapper_name in below if device_mapper.STAND_IN.search(mapper_name)}

    def _below_stand_ins(self, block: Block) -> frozenset[str]:
        stand_ins = self._stand_ins(block)
        through = (self._below_stand_ins(self.block(name)) for name in stand_ins)
        return frozenset(block.below).difference(stand_ins).union(*through)

    def _read(self, name: str) -> Block:
        folder = f"{BLOCKS}/{name}"
        path = self._host.resolve(folder)
        uuid = self._attribute(name, "dm/uuid")
        below = if_there(lambda: self._host.list_directory(f"{folder}/slaves")) or ()
        if not below and self._attribute(name, "partition") is not None:
            below = (path.rpartition("/")[0].rpartition("/")[2],)
        if name.startswith("zram"):
            below = self._written_back_to(name)
        return Block(
            name=name,
            path=path,
            below=below,
            file=self._attribute(name, "loop/backing_file"),
            mapping=None if uuid is None else device_mapper.parse_uuid(uuid),
            mapper_name=self._attribute(name, "dm/name") or "",
            removable=self._is_removable(name, path),
        )

    def _written_back_to(self, name: str) -> tuple[str, ...]:
        # Compressed memory may move what is idle to a disk (blockdev/zram.rst).
        device_file = self._attribute(name, "backing_dev")
        return () if device_file in (None, "", "none") else (self.name_behind(device_file),)

    def _is_removable(self, name: str, path: str) -> bool:
        # A disk on USB says that it is not removable: only its medium counts for that flag. The
        # same goes for cards, while built-in eMMC is a disk like any other.
        return (
            self._attribute(name, "removable") == "1"
            or ON_USB.search(path) is not None
            or self._attribute(name, "device/type") == "SD"
        )

    def _exists(self, name: str) -> bool:
        return if_there(lambda: self._host.resolve(f"{BLOCKS}/{name}")) is not None

    def _attribute(self, name: str, attribute: str) -> str | None:
        content = if_there(lambda: self._host.read_file(f"{BLOCKS}/{name}/{attribute}", limit=4096))
        return None if content is None else content.decode("utf-8", "surrogateescape").strip("\n")
