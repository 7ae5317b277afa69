"""What a companion says of the Wi-Fi: the numbers that Windows hides from a service.

Windows 11 24H2 tells them to programs of a person who consents to the location. The companion runs
as that person and tells the numbers alone: neither the name of the network nor where it is. Whether
an adapter has joined one is not its to say.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from passmuster_collectors.contract.declaration import Items, Text
from passmuster_collectors.contract.reading import Source, SourceOutcome
from passmuster_collectors.host.base import COMPANION, Host, SourceError, SourceMissingError
from passmuster_collectors.host.windows_answers import WirelessAdapter, WirelessConnection
from passmuster_collectors.signals.inquiry import Inquiry
from passmuster_collectors.signals.testimony import said_by_companion

SIGNAL = "wifi_security"
ACCESS_DENIED = 5  # winerror.h
MOST_SESSIONS = 32


@dataclass(frozen=True)
class Station:
    """What one adapter negotiated, as wlanapi's numbers."""

    guid: Annotated[str, Text(longest=64)]
    authentication: int
    cipher: int
    security_enabled: bool


@dataclass(frozen=True)
class WifiTestimony:
    """What a companion was told of all adapters that have joined a network."""

    stations: Annotated[tuple[Station, ...], Items(most=16)]


def testify(host: Host) -> WifiTestimony:
    """Return what a companion says of the Wi-Fi. Raises `SourceError`."""
    return WifiTestimony(
        tuple(
            Station(each.guid, found.authentication, found.cipher, found.security_enabled)
            for each in host.wireless_connections()
            if (found := each.connection) is not None
        )
    )


def with_companions(
    host: Host, inquiry: Inquiry, stations: tuple[WirelessAdapter, ...]
) -> tuple[WirelessAdapter, ...]:
    """Return the adapters, with what companions say of those whose numbers were hidden.

    Where two of them differ nobody is believed.
    """
    if not any(is_hidden(each) for each in stations):
        return stations
    said = list(_said(host, inquiry))
    return tuple(_filled(inquiry, each, said) if is_hidden(each) else each for each in stations)


def is_hidden(station: WirelessAdapter) -> bool:
    """Whether Windows refused to tell what this adapter negotiated."""
    return station.connection is None and station.error == ACCESS_DENIED


def _said(host: Host, inquiry: Inquiry) -> Iterator[Station]:
    sessions = inquiry.ask("sessions", host.user_sessions) or ()
    for session in sessions[:MOST_SESSIONS]:
        try:
            yield from said_by_companion(host, session.session, SIGNAL, WifiTestimony).stations
        except SourceMissingError:
            continue
        except SourceError as error:
            inquiry.sources.append(error.source())


def _filled(inquiry: Inquiry, station: WirelessAdapter, said: list[Station]) -> WirelessAdapter:
    found = {each for each in said if each.guid == station.guid}
    if len(found) > 1:
        inquiry.contradict(COMPANION, "two of them differ")
    if len(found) != 1:
        return station
    (told,) = found
    inquiry.sources.append(Source(COMPANION, SourceOutcome.READ))
    connection = WirelessConnection(b"", told.security_enabled, told.authentication, told.cipher)
    return dataclasses.replace(station, connection=connection, error=0)
