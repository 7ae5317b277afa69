"""The kernel's rules as `nft --json list ruleset` prints them (libnftables-json(5))."""

import ipaddress
from collections.abc import Mapping
from typing import Any

from passmuster_collectors.host.base import SourceConflictError
from passmuster_collectors.signals.firewall.linux.ruleset import (
    ANYTHING,
    Chain,
    End,
    Packet,
    Rule,
    all_of,
)

NFT = "nft"
FAMILIES: Mapping[int, frozenset[str]] = {
    4: frozenset({"ip", "inet"}),
    6: frozenset({"ip6", "inet"}),
}
HOOKS = frozenset({"prerouting", "input"})

VERDICTS: Mapping[str, frozenset[End]] = {
    "accept": frozenset({End.ACCEPT}),
    "drop": frozenset({End.DROP}),
    "reject": frozenset({End.DROP}),
    "return": frozenset({End.RETURN}),
    "continue": frozenset({End.CONTINUE}),
    "queue": frozenset({End.ACCEPT, End.DROP}),
}
WITHOUT_EFFECT = frozenset(
    {"counter", "log", "mangle", "notrack", "set", "ct helper", "ct timeout", "comment", "last"}
)
PORTS_ENOUGH = 60_000
"""An exception for so many ports is none."""

Table = tuple[str, str]
Objects = tuple[dict[str, Any], ...]


def parse_ruleset(value: Any) -> Objects:
    """Return the objects of a rule set. Raises `SourceConflictError`."""
    objects = value.get("nftables") if isinstance(value, dict) else None
    if not isinstance(objects, list) or not all(isinstance(each, dict) for each in objects):
        raise SourceConflictError(NFT, "not a rule set")
    if not any("metainfo" in each for each in objects):
        raise SourceConflictError(NFT, "not a whole rule set")
    return tuple(objects)


def tables_of_iptables(objects: Objects, family: int) -> frozenset[Table]:
    """Return the tables with rules that only iptables can tell in full."""
    names = FAMILIES[family] - {"inet"}
    rules = [each["rule"] for each in objects if isinstance(each.get("rule"), dict)]
    return frozenset(
        (str(rule["family"]), str(rule.get("table")))
        for rule in rules
        if rule.get("family") in names
        and any("xt" in statement for statement in rule.get("expr") or ())
    )


def chains_for(
    objects: Objects, packet: Packet, without: frozenset[Table] = frozenset()
) -> dict[str, Chain]:
    """Return the chains as they concern the packet. Raises `SourceConflictError`."""
    try:
        return _chains_for(objects, packet, without)
    except (KeyError, TypeError, AttributeError, IndexError):
        raise SourceConflictError(NFT, "a rule of another form") from None


def _chains_for(objects: Objects, packet: Packet, without: frozenset[Table]) -> dict[str, Chain]:
    rules: dict[str, list[Rule]] = {}
    policies: dict[str, End | None] = {}
    for each in objects:
        found = each.get("chain") or each.get("rule")
        if found is None or found["family"] not in FAMILIES[packet.family]:
            continue
        if (found["family"], found["table"]) in without:
            continue
        table = f"{found['family']} {found['table']} "
        if "chain" in each:
            rules[table + found["name"]] = []
            policies[table + found["name"]] = _policy(found)
        else:
            rule = _rule(found["expr"], packet, table)
            rules[table + found["chain"]].append(rule)
    return {name: Chain(found, policies[name]) for name, found in rules.items()}


def _policy(chain: dict[str, Any]) -> End | None:
    if chain.get("type") != "filter" or chain.get("hook") not in HOOKS:
        return None
    return End.DROP if chain.get("policy") == "drop" else End.ACCEPT


def _rule(expressions: list[dict[str, Any]], packet: Packet, table: str) -> Rule:
    conditions: list[bool | None] = []
    for statement in expressions:
        ((kind, value),) = statement.items()
        if kind == "match":
            conditions.append(_matches(value, packet))
        elif kind == "limit":
            # One packet alone is never over a rate.
            conditions.append(not value.get("inv", False))
        elif kind == "ct count":
            conditions.append(not value.get("inv", False))
        elif kind == "xt" and value["type"] == "match":
            conditions.append(None)
        elif kind in VERDICTS:
            return Rule(all_of(conditions), VERDICTS[kind])
        elif kind in ("jump", "goto"):
            target = table + value["target"]
            return Rule(all_of(conditions), frozenset(), target, comes_back=kind == "jump")
        elif kind not in WITHOUT_EFFECT:
            # A map of verdicts, an extension, or something newer than this program.
            return Rule(all_of(conditions), _of_map(value, packet) if kind == "vmap" else ANYTHING)
    return Rule(all_of(conditions), frozenset({End.CONTINUE}))


def _of_map(vmap: dict[str, Any], packet: Packet) -> frozenset[End]:
    """Return what a map of verdicts may do; all its jumps count as not understood."""
    elements = vmap["data"].get("set") if isinstance(vmap["data"], dict) else None
    if elements is None:
        return ANYTHING
    possible: set[End] = set()
    for key, verdict in elements:
        applies = _matches({"op": "==", "left": vmap["key"], "right": key}, packet)
        if applies is False:
            continue
        (kind,) = verdict
        ends = VERDICTS.get(kind, ANYTHING)
        if applies:
            return frozenset(possible | ends)
        possible |= ends
    return frozenset(possible | {End.CONTINUE})


def _matches(match: dict[str, Any], packet: Packet) -> bool | None:
    found = _is(match["left"], _values(match["right"]), packet)
    return found if found is None or match["op"] != "!=" else not found


def _values(right: Any) -> list[Any]:
    if isinstance(right, dict) and "set" in right:
        right = right["set"]
    values = right if isinstance(right, list) else [right]
    # An element with a time-out or a comment is wrapped.
    return [
        each["elem"]["val"] if isinstance(each, dict) and "elem" in each else each
        for each in values
    ]


def _is(left: Any, values: list[Any], packet: Packet) -> bool | None:
    """Return whether a property of the packet is one of `values`."""
    ((kind, what),) = left.items()
    if kind == "meta":
        return _is_meta(what["key"], values, packet)
    if kind == "ct":
        key = what["key"]
        if key == "state":
            return "new" in values
        return False if key in ("status", "direction", "helper") else None
    if kind == "payload" and "protocol" in what:
        return _is_payload(what["protocol"], what["field"], values)
    if kind == "fib":
        # Our own address is `local`; a way back to the stranger there always is.
        return "local" in values if what.get("result") == "type" else False
    if kind == "concat":
        return False  # combinations are named one by one, and never a stranger's
    return None


def _is_meta(key: str, values: list[Any], packet: Packet) -> bool | None:
    if key in ("iifname", "iif"):
        return _is_interface(values, packet.interface)
    if key == "l4proto":
        return "tcp" in values or 6 in values
    if key == "nfproto":
        return f"ipv{packet.family}" in values
    if key == "protocol":
        return ("ip" if packet.family == 4 else "ip6") in values
    return None


def _is_interface(values: list[Any], interface: str) -> bool | None:
    names = [each for each in values if isinstance(each, str)]
    if any(name == "*" or name.startswith("@") for name in names):
        return True if "*" in names else None
    if not interface:
        return False if set(names) <= {"lo"} else None
    return any(
        interface.startswith(name[:-1]) if name.endswith("*") else interface == name
        for name in names
    )


def _is_payload(protocol: str, field: str, values: list[Any]) -> bool | None:
    if protocol in ("tcp", "th"):
        if field in ("dport", "sport"):
            return sum(_ports(each) for each in values) >= PORTS_ENOUGH
        return None
    if protocol in ("ip", "ip6"):
        if field in ("protocol", "nexthdr"):
            return "tcp" in values or 6 in values
        if field == "saddr":
            return any(_is_everybody(each) for each in values)
        if field == "daddr":
            return None if any(_may_be_ours(each) for each in values) else False
        return None
    return False  # another protocol's: udp, icmp, sctp, …


def _ports(value: Any) -> int:
    if isinstance(value, dict) and "range" in value:
        first, last = value["range"]
        return int(last) - int(first) + 1
    return 1


def _is_everybody(value: Any) -> bool:
    return isinstance(value, dict) and value.get("prefix", {}).get("len") == 0


def _may_be_ours(value: Any) -> bool:
    if isinstance(value, dict) and "prefix" in value:
        value = value["prefix"]["addr"]
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return True
    return not (address.is_multicast or str(address) == "255.255.255.255")
