"""What is collected about the network the laptop is on."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from passmuster_collectors.contract.declaration import Items, Text, Unknown, fact


class Security(StrEnum):
    """What this laptop negotiated, not what the access point offers."""

    OPEN = "open"
    OWE = "owe"
    WEP = "wep"
    WPA1_PERSONAL = "wpa1_personal"
    WPA1_ENTERPRISE = "wpa1_enterprise"
    WPA2_PERSONAL = "wpa2_personal"
    WPA2_ENTERPRISE = "wpa2_enterprise"
    WPA3_PERSONAL = "wpa3_personal"
    WPA3_ENTERPRISE = "wpa3_enterprise"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class WirelessInterface:
    """One Wi-Fi interface."""

    name: Annotated[str, Text(longest=64)] = fact("Tells several Wi-Fi adapters apart.")
    connected: bool | Unknown = fact("Only a joined network can be judged.")
    security: Security | None = fact(
        "The answer itself: how is the air encrypted? None when not connected."
    )
    weak_cipher: bool | Unknown | None = fact(
        "Shows networks that still mix in an outdated cipher (TKIP). None when not connected."
    )
    default_route: bool | Unknown = fact("Tells whether work traffic goes over this interface.")
    network: Annotated[str, Text(longest=32)] | None = fact(
        "A keyed hash of the network's name, so that IT can trust a network by name without "
        "learning where people live."
    )
    server_checked: bool | Unknown | None = fact(
        "Shows enterprise networks that anybody can pose as: is the server's certificate checked "
        "before the password is sent? None for other networks, and where it is not told.",
        default=None,
    )


@dataclass(frozen=True)
class WifiSecurityFacts:
    """The Wi-Fi interfaces, and whether traffic is protected or carried in another way."""

    interfaces: Annotated[tuple[WirelessInterface, ...], Items(most=16)] = fact(
        "Customers' data crosses the air here."
    )
    vpn: bool | Unknown = fact("A VPN protects traffic even on a network that does not.")
    wired: bool | Unknown = fact("Tells whether a cable carries the traffic instead.")
