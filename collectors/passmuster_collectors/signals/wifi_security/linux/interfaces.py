"""Network interfaces in `/sys/class/net`: which there are, and how they may be told.

udev names an adapter on USB by its hardware address (`wlx00c0ca123456`,
systemd.net-naming-scheme(7)), which must not leave the laptop: a keyed hash of it stands in.
"""

import dataclasses
import re

from passmuster_collectors.contract.reading import Source
from passmuster_collectors.host.base import Host, SourceError, SourceMissingError

INTERFACES = "/sys/class/net"
BY_ADDRESS = re.compile(r"\b((?:wl|en|ww)x)([0-9a-f]{12})\b")
HASH_DIGITS = 8


def is_gone(host: Host, name: str, error: SourceError) -> bool:
    """Whether a question failed because the interface went away meanwhile, as containers' do.

    One that is being taken down answers `EINVAL` (`dev_isalive` in net/core/net-sysfs.c).
    """
    if error.detail == "EINVAL":
        return True
    try:
        host.resolve(f"{INTERFACES}/{name}")
    except SourceMissingError:
        return True
    except SourceError:
        return False
    return False


def told_name(host: Host, text: str) -> str:
    """Return the text without hardware addresses in the names of interfaces."""
    return BY_ADDRESS.sub(lambda found: found[1] + _hash(host, found[2]), text)


def told_source(host: Host, source: Source) -> Source:
    """Return the source with its texts told in the same way."""
    return dataclasses.replace(
        source, name=told_name(host, source.name), detail=told_name(host, source.detail)
    )


def _hash(host: Host, address: str) -> str:
    return "~" + host.keyed_hash("interface_address", bytes.fromhex(address))[:HASH_DIGITS]
