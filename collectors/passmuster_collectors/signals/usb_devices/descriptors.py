"""The raw descriptors of a USB device (USB 2.0, section 9.6)."""

from dataclasses import dataclass

from passmuster_collectors.signals.usb_devices.interface_classes import Triple

CONFIGURATION = 0x02
INTERFACE = 0x04
CONFIGURATION_LENGTH = 9
INTERFACE_LENGTH = 9


@dataclass(frozen=True)
class Configuration:
    """One configuration: its number, and its interfaces in all their alternate settings."""

    value: int
    interfaces: frozenset[Triple]


@dataclass(frozen=True)
class Descriptors:
    """What could be made of the bytes; `whole` is False where they end or break in between."""

    configurations: tuple[Configuration, ...]
    whole: bool

    def interfaces(self, configuration: int | None) -> frozenset[Triple]:
        """Return the interfaces of that configuration; of all where it is None or not there."""
        chosen = [found for found in self.configurations if found.value == configuration]
        return frozenset().union(*(found.interfaces for found in chosen or self.configurations))


def parse_descriptors(data: bytes) -> Descriptors:
    """Return the configurations in a device descriptor and what follows it.

    Descriptors of other types (endpoints, class-specific ones, BOS) are stepped over. Real devices
    are sloppy, so the parts before a broken one count.
    """
    configurations: list[tuple[int, set[Triple]]] = []
    at = 0
    while at + 2 <= len(data):
        length, kind = data[at], data[at + 1]
        if length < 2 or at + length > len(data):
            break
        if kind == CONFIGURATION and length >= CONFIGURATION_LENGTH:
            configurations.append((data[at + 5], set()))
        elif kind == INTERFACE and length >= INTERFACE_LENGTH and configurations:
            configurations[-1][1].add((data[at + 5], data[at + 6], data[at + 7]))
        at += length
    found = tuple(Configuration(value, frozenset(triples)) for value, triples in configurations)
    return Descriptors(found, whole=bool(found) and at == len(data))
