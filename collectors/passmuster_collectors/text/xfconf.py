"""Xfce's settings: one XML file for each channel, one for the system and one for the user.

Format: xfconf's `xfce-perchannel-xml` backend. An administrator can lock a property, or a whole
channel, for some users or for all but some.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xml.etree import ElementTree as ET

DEEPEST = 32


@dataclass(frozen=True)
class Lock:
    """For whom something is locked: two lists of users and `@groups`, as the file spells them."""

    locked: str = ""
    unlocked: str = ""

    def holds_for(self, user: str) -> bool:
        """Whether it is locked for that user; `ValueError` where a group decides.

        `unlocked` names the only ones who are free and counts before `locked`, as in xfconf. There
        is no word for everybody.
        """
        names = [name for name in (self.unlocked or self.locked).split(";") if name]
        if any(name.startswith("@") for name in names):
            raise ValueError("locked by groups")
        return (user in names) != bool(self.unlocked)


@dataclass(frozen=True)
class Property:
    """One property of a channel."""

    type: str
    value: str
    lock: Lock = Lock()


@dataclass(frozen=True)
class Channel:
    """One file: its properties by their full names, `/saver/enabled`."""

    properties: Mapping[str, Property]
    lock: Lock = Lock()


def parse(content: bytes) -> Channel:
    """Return the channel that a file describes. Raises `ValueError` for what is not a channel."""
    from xml.etree import ElementTree as ET  # noqa: PLC0415 - few laptops need it in memory

    text = content.decode("utf-8")
    if "<!DOCTYPE" in text:
        raise ValueError("a document type, which no channel has")
    try:
        # Without a document type there are no entities that could grow.
        root = ET.fromstring(text)  # noqa: S314 - see above
    except ET.ParseError as error:
        raise ValueError("not XML") from error
    if root.tag != "channel":
        raise ValueError("not a channel")
    found: dict[str, Property] = {}
    _collect(root, "", found, 0)
    return Channel(found, _lock(root))


def _collect(element: "ET.Element", name: str, found: dict[str, Property], depth: int) -> None:
    if depth > DEEPEST:
        raise ValueError("nested too deep")
    for child in element.findall("property"):
        full = f"{name}/{child.get('name', '')}"
        if child.get("type", "") != "empty":
            found[full] = Property(child.get("type", ""), child.get("value", ""), _lock(child))
        _collect(child, full, found, depth + 1)


def _lock(element: "ET.Element") -> Lock:
    return Lock(element.get("locked", ""), element.get("unlocked", ""))
