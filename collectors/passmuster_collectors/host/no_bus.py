"""A machine without D-Bus, which only Linux has."""

# ruff: noqa: ARG002 - a question that is refused leaves its arguments unread

from collections.abc import Mapping, Sequence
from typing import Any

from passmuster_collectors.host.base import Bus, SourceMissingError

NO_BUS = "no D-Bus on this system"


class NoBus:
    """The part of a `Host` that answers no question to D-Bus."""

    def bus_get(self, bus: Bus, name: str, path: str, interface: str, member: str) -> Any:
        """Raise `SourceMissingError`."""
        raise SourceMissingError(name, NO_BUS)

    def bus_get_all(self, bus: Bus, name: str, path: str, interface: str) -> Mapping[str, Any]:
        """Raise `SourceMissingError`."""
        raise SourceMissingError(name, NO_BUS)

    def bus_call(
        self,
        bus: Bus,
        name: str,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        arguments: Sequence[Any] = (),
    ) -> tuple[Any, ...]:
        """Raise `SourceMissingError`."""
        raise SourceMissingError(name, NO_BUS)
