"""iptables' rules as `iptables-save` prints them (iptables-save(8), iptables-extensions(8))."""

import ipaddress
import shlex
from collections.abc import Iterator

from passmuster_collectors.host.base import SourceConflictError
from passmuster_collectors.signals.firewall.linux.ruleset import (
    ANYTHING,
    Chain,
    End,
    Packet,
    Rule,
    all_of,
)

IPTABLES = "iptables-save"
TABLE = "*filter"
CHAIN = "INPUT"

TARGETS = {
    "ACCEPT": frozenset({End.ACCEPT}),
    "DROP": frozenset({End.DROP}),
    "REJECT": frozenset({End.DROP}),
    "RETURN": frozenset({End.RETURN}),
    "NFQUEUE": frozenset({End.ACCEPT, End.DROP}),
}
GO_ON = frozenset(
    {"LOG", "NFLOG", "ULOG", "MARK", "CONNMARK", "SECMARK", "CONNSECMARK", "AUDIT", "TRACE", "CT"}
)
SYN = ["FIN,SYN,RST,ACK", "SYN"]
"""How `--syn` is printed."""

PORTS_ENOUGH = 60_000
SAY_NOTHING = frozenset(
    {"--comment", "--limit", "--limit-burst", "--reject-with", "--log-prefix", "--log-level"}
)
"""They narrow nothing for one packet alone, or belong to the target."""


def parse_saved(output: bytes, packet: Packet) -> dict[str, Chain]:
    """Return the chains of the table `filter` as they concern the packet.

    Empty where that table has never been used. Raises `SourceConflictError`.
    """
    lines = output.decode("utf-8", "replace").splitlines()
    if not any(line.startswith("# Completed on") for line in lines):
        if lines:
            raise SourceConflictError(IPTABLES, "not a whole rule set")
        return {}
    try:
        return _chains(lines, packet)
    except (ValueError, IndexError, KeyError):
        raise SourceConflictError(IPTABLES, "a rule of another form") from None


def _chains(lines: list[str], packet: Packet) -> dict[str, Chain]:
    rules: dict[str, list[Rule]] = {}
    policies: dict[str, End | None] = {}
    inside = False
    written: list[list[str]] = []
    for line in lines:
        if line.startswith("*"):
            inside = line == TABLE
        elif inside and line.startswith(":"):
            name, policy, *_ = line[1:].split()
            rules[name] = []
            ends = {"ACCEPT": End.ACCEPT, "DROP": End.DROP}
            policies[name] = ends[policy] if name == CHAIN else None
        elif inside and line.startswith("-A "):
            written.append(shlex.split(line)[1:])
    for chain, *options in written:
        rules[chain].append(_rule(options, packet, frozenset(rules)))
    return {name: Chain(found, policies[name]) for name, found in rules.items()}


def _rule(options: list[str], packet: Packet, chains: frozenset[str]) -> Rule:
    conditions: list[bool | None] = []
    target, comes_back = "", True
    for negated, option, values in _grouped(options):
        if option in ("-j", "-g"):
            target, comes_back = values[0], option == "-j"
        elif option != "-m" and option not in SAY_NOTHING:
            found = _applies(option, values, packet)
            conditions.append(found if found is None or not negated else not found)
    applies = all_of(conditions)
    if target in chains:
        return Rule(applies, frozenset(), target, comes_back)
    if not target or target in GO_ON:
        return Rule(applies, frozenset({End.CONTINUE}))
    return Rule(applies, TARGETS.get(target, ANYTHING))


def _grouped(options: list[str]) -> Iterator[tuple[bool, str, list[str]]]:
    """Yield each option with its values, and whether a `!` stands before it."""
    place, negated = 0, False
    while place < len(options):
        option = options[place]
        place += 1
        if option == "!":
            negated = True
            continue
        begin = place
        while place < len(options) and not options[place].startswith("-") and options[place] != "!":
            place += 1
        yield negated, option, options[begin:place]
        negated = False


def _applies(option: str, values: list[str], packet: Packet) -> bool | None:
    if option == "-i":
        return _is_interface(values[0], packet.interface)
    if option == "-p":
        return values[0] in ("tcp", "6", "all")
    if option == "-s":
        return values[0].endswith("/0")
    if option == "-d":
        return None if _may_be_ours(values[0]) else False
    if option in ("--ctstate", "--state"):
        return "NEW" in values[0].split(",")
    if option in ("--dport", "--sport", "--dports", "--sports", "--ports"):
        return sum(_ports(each) for each in values[0].split(",")) >= PORTS_ENOUGH
    if option == "--dst-type":
        return values[0] == "LOCAL"
    if option == "--syn" or (option == "--tcp-flags" and values == SYN):
        return True
    return None


def _is_interface(name: str, interface: str) -> bool | None:
    if name == "+":
        return True
    if not interface:
        return False if name == "lo" else None
    return interface.startswith(name[:-1]) if name.endswith("+") else interface == name


def _ports(text: str) -> int:
    first, colon, last = text.partition(":")
    return int(last or 65_535) - int(first or 0) + 1 if colon else 1


def _may_be_ours(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("/")[0])
    return not (address.is_multicast or str(address) == "255.255.255.255")
