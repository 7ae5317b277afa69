"""What two reports of one Wi-Fi interface say together."""

from dataclasses import dataclass, replace

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.signals.wifi_security.facts import Security
from passmuster_collectors.signals.wifi_security.macos.airport import Station
from passmuster_collectors.signals.wifi_security.macos.ipconfig import Summary

WITH_TKIP = frozenset({Security.WEP, Security.WPA1_PERSONAL, Security.WPA1_ENTERPRISE})
BAD_NEWS = WITH_TKIP | {Security.OPEN}


@dataclass(frozen=True)
class Joined:
    """One interface's network, in the words of the facts. `conflict` is empty where all agree."""

    connected: bool | Unknown
    security: Security | None
    weak_cipher: bool | Unknown | None
    ssid: str | None
    conflict: str = ""


def agree(station: Station, summary: Summary | None) -> Joined:
    """Return what the system report and the summary (None where it was not read) say together.

    The report knows the network's mode, which can mix two securities; the summary knows the one
    that was negotiated. Where only one of them speaks, bad news alone is taken.
    """
    connected = station.connected
    if summary is not None and not summary.is_wifi:
        return _unclear("ipconfig calls it no Wi-Fi interface")
    if summary is not None and connected == UNKNOWN:
        connected = summary.active
    if connected == UNKNOWN:
        return _unclear("")
    if summary is not None and summary.active is not connected:
        return _unclear("two reports disagree about whether it is connected")
    if not connected:
        return Joined(connected=False, security=None, weak_cipher=None, ssid=None)
    return _agree_on_network(station, summary)


def _agree_on_network(station: Station, summary: Summary | None) -> Joined:
    told = summary.security if summary is not None else None
    if told is None or not station.security:
        alone = station.security if told is None else frozenset({told})
        return _joined(station, _bad_news(alone), None)
    if told not in station.security:
        disagreement = "two reports disagree about its security"
        return replace(_joined(station, Security.UNKNOWN, None), conflict=disagreement)
    return _joined(station, told, _common_ssid(station, summary))


def _common_ssid(station: Station, summary: Summary | None) -> str | None:
    names = {station.ssid, summary.ssid if summary is not None else None} - {None}
    return names.pop() if len(names) == 1 else None


def _joined(station: Station, security: Security, ssid: str | None) -> Joined:
    weak: bool | Unknown = security in WITH_TKIP
    # A network that also lets WPA1 in may share one outdated cipher among all who are on it.
    if security is Security.UNKNOWN or (not weak and station.security & WITH_TKIP):
        weak = UNKNOWN
    return Joined(True, security, weak, ssid)


def _unclear(conflict: str) -> Joined:
    return Joined(UNKNOWN, Security.UNKNOWN, UNKNOWN, None, conflict)


def _bad_news(possible: frozenset[Security]) -> Security:
    """Return an outdated security that is the only possible one; unknown for anything else."""
    (only, *others) = possible or {Security.UNKNOWN}
    return only if not others and only in BAD_NEWS else Security.UNKNOWN
