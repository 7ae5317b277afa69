"""What a device can do, from the classes of its interfaces.

Codes: https://www.usb.org/defined-class-codes and the class specifications named below.
"""

Triple = tuple[int, int, int]
"""Class, subclass and protocol of an interface (USB 2.0, table 9-12)."""

HID = 0x03
STILL_IMAGE = 0x06
MASS_STORAGE = 0x08
HUB = 0x09
VENDOR_SPECIFIC = 0xFF

BOOT_KEYBOARD: Triple = (HID, 0x01, 0x01)  # HID 1.11, sections 4.2 and 4.3

CDC = 0x02
CDC_ABSTRACT_CONTROL = 0x02  # CDC PSTN 1.2: modems and serial ports
CDC_NETWORK = frozenset({0x06, 0x0C, 0x0D, 0x0E})  # ECM, EEM, NCM, MBIM
NETWORK_TRIPLES: frozenset[Triple] = frozenset(
    {
        (0xE0, 0x01, 0x03),  # RNDIS
        (0xEF, 0x04, 0x01),  # RNDIS over Ethernet
        (CDC, CDC_ABSTRACT_CONTROL, 0xFF),  # RNDIS, as Windows knows it
    }
)


ANDROID_TRIPLES: frozenset[Triple] = frozenset(
    {
        (VENDOR_SPECIFIC, 0x42, 0x01),  # debug bridge
        (VENDOR_SPECIFIC, 0x42, 0x03),  # fastboot
    }
)


def as_text(triple: Triple) -> str:
    """Return `"ccsspp"` in hexadecimal."""
    return "".join(f"{number:02x}" for number in triple)


def is_storage(triple: Triple) -> bool:
    """Return whether files can be kept there: a disk, a camera or phone by PTP, Android's tools."""
    return triple[0] in {MASS_STORAGE, STILL_IMAGE} or triple in ANDROID_TRIPLES


def is_network(triple: Triple) -> bool:
    """Return whether the interface is a network card by its class."""
    return triple in NETWORK_TRIPLES or (triple[0] == CDC and triple[1] in CDC_NETWORK)


def is_serial(triple: Triple) -> bool:
    """Return whether the interface is a serial port or a modem by its class."""
    return triple[:2] == (CDC, CDC_ABSTRACT_CONTROL) and triple not in NETWORK_TRIPLES


def is_hub(triples: frozenset[Triple]) -> bool:
    """Return whether these are the interfaces of a hub and of nothing else."""
    return bool(triples) and all(triple[0] == HUB for triple in triples)
