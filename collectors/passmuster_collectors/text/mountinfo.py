"""The mount table as the kernel tells it in `/proc/<pid>/mountinfo` (proc(5))."""

import re
from dataclasses import dataclass

_OCTAL = re.compile(rb"\\([0-3][0-7]{2})")
_FIELDS_BEFORE_OPTIONAL = 6
_FIELDS_AFTER_SEPARATOR = 3


class MountinfoError(ValueError):
    """A line is not in its documented format."""


@dataclass(frozen=True)
class Mount:
    """One mount.

    `device` is (major, minor) of the file system, (0, n) where no single block device is behind
    it; `root` is the folder of that file system which shows at `point`. Bytes of a path that are
    not UTF-8 are kept as lone surrogates (`surrogateescape`).
    """

    mount_id: int
    parent_id: int
    device: tuple[int, int]
    root: str
    point: str
    kind: str
    source: str
    super_options: tuple[str, ...]

    def option(self, name: str) -> str | None:
        """Return the value of a `name=value` option of the file system, or None."""
        prefix = f"{name}="
        found = (each for each in self.super_options if each.startswith(prefix))
        value = next(found, None)
        return None if value is None else value[len(prefix) :]


def parse(content: bytes) -> tuple[Mount, ...]:
    """Return the mounts in the order of the file. Raises `MountinfoError`."""
    return tuple(_mount(line) for line in content.split(b"\n") if line)


def unescape(field: bytes) -> str:
    r"""Return a field of a kernel table with `\040` and its like put back into characters."""
    plain = _OCTAL.sub(lambda found: bytes([int(found[1], 8)]), field)
    return plain.decode("utf-8", "surrogateescape")


def _mount(line: bytes) -> Mount:
    fields = line.split(b" ")
    try:
        separator = fields.index(b"-", _FIELDS_BEFORE_OPTIONAL)
    except ValueError:
        raise MountinfoError("a line has no separator") from None
    tail = fields[separator + 1 :]
    if len(tail) < _FIELDS_AFTER_SEPARATOR:
        raise MountinfoError("a line ends too early")
    try:
        major, minor = (int(number) for number in fields[2].split(b":"))
        mount_id, parent_id = int(fields[0]), int(fields[1])
    except ValueError:
        raise MountinfoError("a line has something else than a number for a number") from None
    # Options are split before their escapes are undone: an escaped comma belongs to a value.
    options = tuple(unescape(option) for option in b" ".join(tail[2:]).split(b","))
    return Mount(
        mount_id=mount_id,
        parent_id=parent_id,
        device=(major, minor),
        root=unescape(fields[3]),
        point=unescape(fields[4]),
        kind=unescape(tail[0]),
        source=unescape(tail[1]),
        super_options=options,
    )


class MountTable:
    """The mounts of one mount namespace, and which of them a path leads to."""

    def __init__(self, mounts: tuple[Mount, ...]) -> None:
        self.mounts = mounts
        ids = {mount.mount_id for mount in mounts}
        self._children: dict[int, list[Mount]] = {}
        self._root: Mount | None = None
        for mount in mounts:
            if mount.parent_id in ids and mount.parent_id != mount.mount_id:
                self._children.setdefault(mount.parent_id, []).append(mount)
            elif mount.point == "/" and self._root is None:
                self._root = mount

    def holding(self, path: str) -> Mount | None:
        """Return the mount that an absolute path without symbolic links leads to.

        What another mount covers is not found, as on a walk by the kernel: from the root, the
        nearest mount point on the way comes first, and each one leads on into its own mounts.
        """
        current = self._root
        seen: set[int] = set()
        while current is not None and current.mount_id not in seen:
            seen.add(current.mount_id)
            on_the_way = [
                child
                for child in self._children.get(current.mount_id, ())
                if is_below(path, child.point)
            ]
            if not on_the_way:
                return current
            current = min(on_the_way, key=lambda child: len(child.point))
        return None


def is_below(path: str, folder: str) -> bool:
    """Whether an absolute path is a folder or inside of it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")
