"""Versions of agents against this server's: who is behind, and the oldest that is understood."""

import re
from functools import lru_cache

from passmuster_server import __version__

OLDEST_AGENT = "0.1.0"
"""The oldest agent that this server understands; settings may ask for a newer one."""

_VERSION = re.compile(r"(\d{1,6})\.(\d{1,6})\.(\d{1,6})\b")


@lru_cache(maxsize=256)
def parsed(text: str) -> tuple[int, int, int] | None:
    """Return a version's three numbers (semver.org), or None where the text begins with none."""
    found = _VERSION.match(text)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


@lru_cache(maxsize=256)
def is_behind(agent: str, newest: str = __version__) -> bool:
    """Whether an agent is older than `newest`, or says nothing that tells."""
    own, wanted = parsed(agent), parsed(newest)
    return own is None or (wanted is not None and own < wanted)
