"""Wi-Fi on Linux: what was negotiated, from whoever negotiated it, checked against the others."""

from collections.abc import Callable

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.contract.reading import (
    Reading,
    Source,
    SourceOutcome,
    not_applicable,
    ok,
    unavailable,
)
from passmuster_collectors.host.answers import WirelessState
from passmuster_collectors.host.base import Host, SourceError
from passmuster_collectors.signals.inquiry import Inquiry
from passmuster_collectors.signals.wifi_security.facts import (
    Security,
    WifiSecurityFacts,
    WirelessInterface,
)
from passmuster_collectors.signals.wifi_security.linux import (
    iwd,
    kernel,
    networkmanager,
    supplicant,
)
from passmuster_collectors.signals.wifi_security.linux.claims import (
    Claim,
    conclude,
    without_inference,
)
from passmuster_collectors.signals.wifi_security.linux.interfaces import (
    INTERFACES,
    is_gone,
    told_name,
    told_source,
)
from passmuster_collectors.signals.wifi_security.linux.traffic import Traffic, read_traffic

SIGNAL_ID = "wifi_security"
MAX_INTERFACES = 16

UP = frozenset({"up", "dormant"})
DOWN = frozenset({"down", "notpresent", "lowerlayerdown"})
"""`operstate` as the kernel prints it (Documentation/networking/operstates.rst).

A dormant interface still carries traffic, so the daemons are asked about it.
"""

Ask = Callable[[Host, str], Claim | None]

NEGOTIATORS: tuple[tuple[str, Ask], ...] = (
    (supplicant.NAME, supplicant.read_supplicant),
    (iwd.NAME, iwd.read_iwd),
)
MANAGERS: tuple[tuple[str, Ask], ...] = ((networkmanager.NAME, networkmanager.read_networkmanager),)

NO_WIFI = "This computer has no Wi-Fi."
NOT_SEEN = "This computer did not say which network interfaces it has."
TOO_MANY = "This computer has more Wi-Fi interfaces than Passmuster looks at."
CONFLICT = "What this computer says about its Wi-Fi network contradicts itself."
UNCLEAR = "This computer did not say how its Wi-Fi network is protected."
INCOMPLETE = "Not everything about the Wi-Fi could be read."


def read(host: Host) -> Reading:
    """Return the Wi-Fi interfaces and how the networks they have joined are protected."""
    at, inquiry = host.now(), Inquiry()
    names = inquiry.ask(INTERFACES, lambda: host.list_directory(INTERFACES))
    if names is None:
        return unavailable(SIGNAL_ID, at, NOT_SEEN, inquiry.sources)
    wireless = [name for name in names if _is_wireless(host, inquiry, name)]
    if not wireless:
        if inquiry.is_complete:
            return not_applicable(SIGNAL_ID, at, NO_WIFI, inquiry.sources)
        return unavailable(SIGNAL_ID, at, NOT_SEEN, inquiry.sources)
    traffic = read_traffic(host, inquiry, frozenset(wireless))
    interfaces = tuple(
        _interface(host, inquiry, traffic, name) for name in wireless[:MAX_INTERFACES]
    )
    sources = [told_source(host, source) for source in inquiry.sources]
    facts = WifiSecurityFacts(interfaces, traffic.vpn, traffic.wired)
    reason = _what_is_missing(inquiry, facts, len(wireless))
    if reason is None:
        return ok(SIGNAL_ID, at, facts, sources)
    return unavailable(SIGNAL_ID, at, reason, sources, facts)


def _is_wireless(host: Host, inquiry: Inquiry, name: str) -> bool:
    path = f"{INTERFACES}/{name}"
    try:
        entries = host.list_directory(path)
    except SourceError as error:
        if not is_gone(host, name, error):
            inquiry.sources.append(error.source())
        return False
    return "phy80211" in entries or "wireless" in entries


def _interface(host: Host, inquiry: Inquiry, traffic: Traffic, name: str) -> WirelessInterface:
    told, route = told_name(host, name)[:64], traffic.default_route(name)
    state = _wireless_state(host, inquiry, name)
    connected = _is_connected(host, inquiry, name)
    # One that serves others, a hotspot, is up without having joined anything.
    if connected is False or (state is not None and not state.joins):
        return WirelessInterface(told, False, None, None, route, None)
    claims = _claims(host, inquiry, name, state)
    found = conclude(claims)
    if found.conflict:
        inquiry.contradict(f"{name}: {', '.join(claim.source for claim in claims)}", "disagree")
    network = host.keyed_hash("ssid", found.ssid) if found.ssid else None
    return WirelessInterface(
        told, connected, found.security, found.weak_cipher, route, network, found.server_checked
    )


def _wireless_state(host: Host, inquiry: Inquiry, name: str) -> WirelessState | None:
    """Return what the kernel says; None where it does not, as with drivers older than nl80211."""
    return inquiry.ask(kernel.NAME, lambda: host.wireless_state(name))


def _claims(host: Host, inquiry: Inquiry, name: str, state: WirelessState | None) -> list[Claim]:
    """Ask every daemon that may run the interface, and the kernel.

    One that is not there is no gap: a laptop runs one or two of them. Where wpa_supplicant answers
    root alone, as Debian ships it, or in words that are not known, what others infer of its choice
    does not count.
    """
    claims: list[Claim] = []
    hidden = False
    by_kernel = inquiry.ask(kernel.NAME, lambda: kernel.parse_wireless(state)) if state else None
    for source, ask in (*NEGOTIATORS, *MANAGERS):
        try:
            claim = ask(host, name)
        except SourceError as error:
            inquiry.sources.append(Source(source, error.outcome, error.detail))
            hidden = hidden or error.outcome is SourceOutcome.DENIED
            continue
        inquiry.sources.append(Source(source, SourceOutcome.READ))
        if claim is not None:
            claims.append(claim)
            hidden = hidden or not claim.possible
    heard = [without_inference(claim) for claim in claims] if hidden else claims
    return heard if by_kernel is None else [*heard, by_kernel]


def _is_connected(host: Host, inquiry: Inquiry, name: str) -> bool | Unknown:
    path = f"{INTERFACES}/{name}/operstate"
    try:
        state = host.read_file(path, limit=64).decode("ascii", "replace").strip()
    except SourceError as error:
        inquiry.sources.append(error.source())
        return UNKNOWN
    if state in UP or state in DOWN:
        inquiry.sources.append(Source(path, SourceOutcome.READ))
        return state in UP
    inquiry.contradict(path, "not a state that is known")
    return UNKNOWN


def _what_is_missing(inquiry: Inquiry, facts: WifiSecurityFacts, count: int) -> str | None:
    """Return the sentence on what keeps the reading from being complete, or None if it is."""
    if any(source.outcome is SourceOutcome.CONFLICT for source in inquiry.sources):
        return CONFLICT
    if count > MAX_INTERFACES:
        return TOO_MANY
    for interface in facts.interfaces:
        if interface.connected == UNKNOWN or interface.security is Security.UNKNOWN:
            return UNCLEAR
    refused = [source for source in inquiry.sources if not _is_no_gap(source)]
    return INCOMPLETE if refused else None


def _is_no_gap(source: Source) -> bool:
    if source.outcome is SourceOutcome.READ:
        return True
    if source.name == supplicant.NAME and source.outcome is SourceOutcome.DENIED:
        return True
    optional = {kernel.NAME, *(name for name, _ in (*NEGOTIATORS, *MANAGERS))}
    return source.name in optional and source.outcome is SourceOutcome.MISSING
