"""Paths as they may leave the laptop: without the names of the people who use it.

A home folder is told as `~`, also where the account is not in `/etc/passwd`, and so is the person's
folder that udisks mounts sticks in (`/run/media/<name>/<label>`).
"""

import dataclasses
import re
from collections.abc import Iterable

from passmuster_collectors.contract.reading import Source
from passmuster_collectors.text.mountinfo import is_below

HOMES = re.compile(r"\A/(?:var/)?home/[^/]+")
MEDIA = re.compile(r"\A(/run/media|/media)/[^/]+(?=/)")


class Anonymity:
    """Takes the names of people out of paths. `homes` are their home folders."""

    def __init__(self, homes: Iterable[str]) -> None:
        self._homes = sorted(homes, key=len, reverse=True)

    def path(self, path: str) -> str:
        """Return the path with `~` in place of what names a person."""
        for home in self._homes:
            if is_below(path, home):
                return "~" + path[len(home) :]
        return MEDIA.sub(r"\1/~", HOMES.sub("~", path))

    def source(self, source: Source) -> Source:
        """Return the source with its name made anonymous."""
        return dataclasses.replace(source, name=self.path(source.name))
