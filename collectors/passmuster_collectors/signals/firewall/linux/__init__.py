"""The firewall on Linux: the kernel's own rules first, then who keeps them.

nftables and the rules that iptables has put there need root. Where they may not be read, firewalld
and ufw are asked. The rules are followed for one packet, as `ruleset` says; they stay here.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from passmuster_collectors.contract.reading import Reading, ok, unavailable
from passmuster_collectors.host.base import Host, SourceDeniedError, SourceMissingError
from passmuster_collectors.host.commands import Program
from passmuster_collectors.signals.firewall.facts import FirewallFacts, Inbound
from passmuster_collectors.signals.firewall.linux import iptables, nft
from passmuster_collectors.signals.firewall.linux.keepers import ask_keepers
from passmuster_collectors.signals.firewall.linux.ruleset import Chain, Packet, inbound, strictest
from passmuster_collectors.signals.inquiry import Inquiry
from passmuster_collectors.signals.program_output import parsed_json, succeeded

SIGNAL = "firewall"

IPV6_ADDRESSES = "/proc/net/if_inet6"
LEGACY = {4: "/proc/net/ip_tables_names", 6: "/proc/net/ip6_tables_names"}
SAVE = {4: Program.IPTABLES_SAVE, 6: Program.IP6TABLES_SAVE}
SAVE_LEGACY = {4: Program.IPTABLES_LEGACY_SAVE, 6: Program.IP6TABLES_LEGACY_SAVE}

NO_STRANGERS = ("lo", "tun", "tap", "wg", "ppp", "veth", "docker", "br-", "virbr", "tailscale")
"""Interfaces at whose other end is a VPN or this laptop itself."""

WORST_FIRST = (Inbound.OPEN, Inbound.UNKNOWN, Inbound.BLOCKED)

Filter = Callable[[Packet], Mapping[str, Chain]]

UNCLEAR = "What becomes of connections to this laptop could not be read."


def read(host: Host) -> Reading:
    """Return what becomes of a stranger's connection."""
    inquiry = Inquiry()
    facts = _answer(host, inquiry)
    if Inbound.UNKNOWN in (facts.ipv4, facts.ipv6):
        return unavailable(SIGNAL, host.now(), UNCLEAR, inquiry.sources, facts)
    return ok(SIGNAL, host.now(), facts, inquiry.sources)


def _answer(host: Host, inquiry: Inquiry) -> FirewallFacts:
    ruleset = inquiry.ask(Program.NFT.paths[0], partial(_ruleset, host))
    if ruleset is None:
        ipv4, ipv6 = ask_keepers(host, inquiry)
    else:
        names = inquiry.ask("network interfaces", partial(_interfaces, host), otherwise=("",))
        ipv4, ipv6 = (
            _of_kernel(host, inquiry, ruleset, [Packet(family, name) for name in names])
            for family in (4, 6)
        )
    if inquiry.ask(IPV6_ADDRESSES, partial(_has_ipv6, host), otherwise=True) is False:
        ipv6 = Inbound.ABSENT
    return FirewallFacts(ipv4, ipv6)


def _of_kernel(
    host: Host, inquiry: Inquiry, ruleset: nft.Objects, packets: Sequence[Packet]
) -> Inbound:
    filters, complete = _filters(host, inquiry, ruleset, packets[0].family)
    answers = [
        inquiry.ask("firewall rules", partial(_judged, filters, packet), otherwise=Inbound.UNKNOWN)
        for packet in packets
    ]
    worst = next((each for each in WORST_FIRST if each in answers), Inbound.UNKNOWN)
    # What could not be read may block; it can't open what the rest blocks.
    return Inbound.UNKNOWN if worst is Inbound.OPEN and not complete else worst


def _filters(
    host: Host, inquiry: Inquiry, ruleset: nft.Objects, family: int
) -> tuple[list[Filter], bool]:
    """Return all that a packet has to pass, and whether nothing of it is missing."""
    filters: list[Filter] = [partial(nft.chains_for, ruleset)]
    complete = True
    foreign = nft.tables_of_iptables(ruleset, family)
    if foreign:
        saved = _ask_saved(host, inquiry, SAVE[family])
        if saved is not None:
            filters = [partial(nft.chains_for, ruleset, without=foreign), _parser(saved)]
    in_use = inquiry.ask(LEGACY[family], partial(_is_in_use, host, LEGACY[family]))
    if in_use:
        saved = _ask_saved(host, inquiry, SAVE_LEGACY[family])
        complete = saved is not None
        filters += [] if saved is None else [_parser(saved)]
    return filters, complete and in_use is not None


def _judged(filters: Sequence[Filter], packet: Packet) -> Inbound:
    return strictest([inbound(chains(packet)) for chains in filters])


def _parser(saved: bytes) -> Filter:
    return partial(iptables.parse_saved, saved)


def _ask_saved(host: Host, inquiry: Inquiry, program: Program) -> bytes | None:
    return inquiry.ask(program.paths[0], lambda: succeeded(program, host.run(program)))


def _ruleset(host: Host) -> nft.Objects:
    completed = host.run(Program.NFT, "--json", "list", "ruleset")
    if completed.status != 0 and host.uid != 0:
        raise SourceDeniedError(Program.NFT.paths[0], "only root may read the rules")
    return nft.parse_ruleset(parsed_json(nft.NFT, succeeded(Program.NFT, completed)))


def _is_in_use(host: Host, path: str) -> bool:
    """Return whether the older iptables has a table of rules in this kernel."""
    try:
        return b"filter" in host.read_file(path).split()
    except SourceMissingError:
        return False


def _interfaces(host: Host) -> tuple[str, ...]:
    """Return where strangers may be, or an empty name where that is not known."""
    names = tuple(
        each.name
        for each in host.network_interfaces()
        if each.up and not each.name.startswith(NO_STRANGERS)
    )
    return names or ("",)


def _has_ipv6(host: Host) -> bool:
    try:
        lines = host.read_file(IPV6_ADDRESSES).decode("ascii", "replace").splitlines()
    except SourceMissingError:
        return False
    return any(line.split()[-1:] != ["lo"] for line in lines)
