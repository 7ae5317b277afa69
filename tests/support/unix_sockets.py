"""Unix sockets as Linux has them."""

from pathlib import Path

_ACCEPTS = 0x10000
"""`__SO_ACCEPTCON` in the flags of `/proc/net/unix` (proc(5))."""


def is_listening(path: Path) -> bool:
    """Return whether connections to it are taken: it has its name a moment before."""
    lines = Path("/proc/net/unix").read_text().splitlines()[1:]
    fields = (line.split(maxsplit=7) for line in lines)
    return any(
        len(each) == 8 and each[7] == str(path) and int(each[3], 16) & _ACCEPTS for each in fields
    )
