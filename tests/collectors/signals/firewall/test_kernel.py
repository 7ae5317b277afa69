"""What becomes of a stranger's packet, by rules that the real kernel was given and tells again."""

import json
import subprocess

import pytest

from passmuster_collectors.host.base import SourceConflictError
from passmuster_collectors.signals.firewall.facts import Inbound
from passmuster_collectors.signals.firewall.linux import iptables, nft
from passmuster_collectors.signals.firewall.linux.ruleset import Chain, End, Packet, Rule, inbound
from tests.support.tools import missing, require_tool

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
BASE = "type filter hook input priority 0;"

FIREWALLD = """
table inet firewalld {
  chain filter_IN_public {
    tcp dport 22 accept
    meta l4proto { icmp, ipv6-icmp } accept
    ip saddr 10.0.0.0/8 accept
    ip daddr 224.0.0.251 udp dport 5353 accept
    log prefix "refused" limit rate 5/minute
    reject with icmpx admin-prohibited
  }
  chain filter_INPUT_ZONES {
    iifname "wlan0" goto filter_IN_public
    goto filter_IN_public
  }
  chain filter_INPUT {
    type filter hook input priority filter + 10; policy accept;
    ct state { established, related } accept
    ct status dnat accept
    iifname "lo" accept
    ct state invalid drop
    jump filter_INPUT_ZONES
    reject with icmpx admin-prohibited
  }
}
"""


def in_namespace(script: str) -> bytes:
    """Run a shell script as root of a network of its own; its rules end with it."""
    unshare = str(require_tool("unshare"))
    command = [unshare, "--map-root-user", "--net", "sh", "-euc"]
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode != 0:
        missing("a kernel that gives a process a network of its own")
    done = subprocess.run(
        [*command, script], capture_output=True, timeout=60, check=False, env={"PATH": PATH}
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def printed(rules: str) -> nft.Objects:
    require_tool("nft")
    lines = rules.replace("} }", "}\n}").replace("drop }", "drop\n}")
    output = in_namespace(f"nft -f - <<'END'\n{lines}\nEND\nnft --json list ruleset")
    return nft.parse_ruleset(json.loads(output))


def by_nft(rules: str, family: int = 4, interface: str = "wlan0") -> Inbound:
    return inbound(nft.chains_for(printed(rules), Packet(family, interface)))


def chain(*rules: str, policy: str = "accept") -> str:
    lines = "\n".join(rules)
    return f"table inet t {{ chain c {{ {BASE} policy {policy};\n{lines}\n}} }}"


def test_no_rules_let_everybody_in() -> None:
    assert by_nft("") is Inbound.OPEN


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("interface", ["wlan0", "eth0", ""])
def test_what_firewalld_writes_blocks(family: int, interface: str) -> None:
    assert by_nft(FIREWALLD, family, interface) is Inbound.BLOCKED


def test_firewalls_that_trust_everybody_are_open() -> None:
    trusting = FIREWALLD.replace('iifname "wlan0" goto filter_IN_public', 'iifname "wlan0" accept')
    assert by_nft(trusting, interface="wlan0") is Inbound.OPEN
    assert by_nft(trusting, interface="eth0") is Inbound.BLOCKED
    assert by_nft(trusting, interface="") is Inbound.UNKNOWN


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (chain(policy="drop"), Inbound.BLOCKED),
        (chain(), Inbound.OPEN),
        (chain("drop"), Inbound.BLOCKED),
        (chain("reject"), Inbound.BLOCKED),
        (chain("accept", policy="drop"), Inbound.OPEN),
        (chain("tcp dport 22 accept", "drop"), Inbound.BLOCKED),
        (chain("tcp dport { 22, 80, 8000-8100 } accept", "drop"), Inbound.BLOCKED),
        (chain("tcp dport 1-65535 accept", "drop"), Inbound.OPEN),
        (chain("meta l4proto tcp accept", "drop"), Inbound.OPEN),
        (chain("meta l4proto udp accept", "drop"), Inbound.BLOCKED),
        (chain("ip saddr 192.168.0.0/16 accept", "drop"), Inbound.BLOCKED),
        (chain("ip saddr != 192.168.0.0/16 drop"), Inbound.BLOCKED),
        (chain('iifname != "lo" drop'), Inbound.BLOCKED),
        (chain('iifname "lo" drop'), Inbound.OPEN),
        (chain('iifname "wl*" accept', "drop"), Inbound.OPEN),
        (chain('iifname { "lo", "eth0" } accept', "drop"), Inbound.BLOCKED),
        (chain("ct state new drop"), Inbound.BLOCKED),
        (chain("ct state established,related accept", "drop"), Inbound.BLOCKED),
        (chain("ct state established,related,new accept", "drop"), Inbound.OPEN),
        (chain("ct state vmap { established : accept, new : drop }"), Inbound.BLOCKED),
        (chain("ct state vmap { established : accept, invalid : drop }", "drop"), Inbound.BLOCKED),
        (chain('iifname vmap { "lo" : accept }', "drop"), Inbound.BLOCKED),
        (chain("fib daddr type local accept", "drop"), Inbound.OPEN),
        (chain("fib daddr type broadcast accept", "drop"), Inbound.BLOCKED),
        (chain("limit rate 5/second accept", "drop"), Inbound.OPEN),
        (chain("limit rate over 5/second drop"), Inbound.OPEN),
        (chain("counter", 'log prefix "x"', "drop"), Inbound.BLOCKED),
        (chain("meta mark 0x2 accept", "drop"), Inbound.UNKNOWN),
        (chain("ip daddr 10.1.2.3 accept", "drop"), Inbound.UNKNOWN),
    ],
)
def test_a_rule_is_followed_as_the_kernel_follows_it(rules: str, expected: Inbound) -> None:
    assert by_nft(rules) is expected


def test_the_two_protocols_have_rules_of_their_own() -> None:
    rules = f"table ip t {{ chain c {{ {BASE} policy drop; }} }}"
    assert by_nft(rules, 4) is Inbound.BLOCKED
    assert by_nft(rules, 6) is Inbound.OPEN


def test_what_does_not_stand_in_the_way_of_strangers_does_not_count() -> None:
    others = [
        "table inet t { chain c { type filter hook output priority 0; policy drop; } }",
        "table inet t { chain c { type filter hook forward priority 0; policy drop; } }",
        "table ip t { chain c { type nat hook prerouting priority -100; policy accept; } }",
        "table inet t { chain unused { drop } }",
    ]
    assert [by_nft(rules) for rules in others] == [Inbound.OPEN] * len(others)


def test_one_of_several_chains_that_blocks_is_enough() -> None:
    rules = chain() + f"\ntable inet u {{ chain c {{ {BASE} policy drop; }} }}"
    assert by_nft(rules) is Inbound.BLOCKED


UFW = """
iptables -N ufw-user-input
iptables -N ufw-not-local
iptables -A INPUT -i lo -j ACCEPT
iptables -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
iptables -A INPUT -m conntrack --ctstate INVALID -j DROP
iptables -A INPUT -p icmp --icmp-type echo-request -j ACCEPT
iptables -A INPUT -p udp --sport 67 --dport 68 -j ACCEPT
iptables -A INPUT -j ufw-not-local
iptables -A ufw-not-local -m addrtype --dst-type LOCAL -j RETURN
iptables -A ufw-not-local -m limit --limit 3/min -j LOG --log-prefix "[UFW BLOCK] "
iptables -A ufw-not-local -j DROP
iptables -A INPUT -d 224.0.0.251/32 -p udp --dport 5353 -j ACCEPT
iptables -A INPUT -j ufw-user-input
iptables -A ufw-user-input -p tcp -m multiport --dports 22,80 -j ACCEPT
"""


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("iptables -P INPUT DROP", Inbound.BLOCKED),
        ("iptables -P INPUT ACCEPT", Inbound.OPEN),
        ("iptables -A INPUT -j REJECT", Inbound.BLOCKED),
        ("iptables -P INPUT DROP; iptables -A INPUT -i wl+ -j ACCEPT", Inbound.OPEN),
        ("iptables -P INPUT DROP; iptables -A INPUT ! -i lo -j ACCEPT", Inbound.OPEN),
        ("iptables -P INPUT DROP; iptables -A INPUT -s 10.0.0.0/8 -j ACCEPT", Inbound.BLOCKED),
        ("iptables -A INPUT -p tcp --syn -j DROP", Inbound.BLOCKED),
        ("iptables -A INPUT -m conntrack --ctstate NEW -j DROP", Inbound.BLOCKED),
        (
            "iptables -P INPUT DROP; iptables -A INPUT -p tcp --dport 1:65535 -j ACCEPT",
            Inbound.OPEN,
        ),
        ("iptables -P INPUT DROP; iptables -A INPUT -m mark --mark 7 -j ACCEPT", Inbound.UNKNOWN),
    ],
)
def test_what_ufw_writes_with_iptables_is_followed(more: str, expected: Inbound) -> None:
    require_tool("iptables")
    objects, saved = in_namespace(
        f"{UFW}\n{more}\nnft --json list ruleset; echo; echo ----; iptables-save"
    ).split(b"----\n")
    foreign = nft.tables_of_iptables(nft.parse_ruleset(json.loads(objects)), 4)
    assert foreign == {("ip", "filter")}, "only iptables tells these rules in full"
    assert inbound(iptables.parse_saved(saved, Packet(4, "wlan0"))) is expected


def test_an_iptables_that_was_never_used_blocks_nobody() -> None:
    assert inbound(iptables.parse_saved(b"", Packet(4, "wlan0"))) is Inbound.OPEN


@pytest.mark.parametrize(
    "saved",
    [
        b"*filter\n:INPUT DROP [0:0]\n",
        b"garbage",
        b"*filter\n:INPUT MAYBE [0:0]\nCOMMIT\n# Completed on Monday\n",
        b"*filter\n:INPUT DROP [0:0]\n-A NOWHERE -j ACCEPT\n# Completed on Monday\n",
        b"*filter\n:INPUT DROP [0:0]\n-A INPUT -j\n# Completed on Monday\n",
    ],
)
def test_saved_rules_of_another_form_are_a_conflict(saved: bytes) -> None:
    with pytest.raises(SourceConflictError):
        iptables.parse_saved(saved, Packet(4, "wlan0"))


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"nftables": 3},
        {"nftables": []},
        {"nftables": [{"chain": {}}]},
        {"nftables": [3]},
    ],
)
def test_what_is_no_rule_set_is_a_conflict(value: object) -> None:
    with pytest.raises(SourceConflictError):
        nft.parse_ruleset(value)


def test_rules_of_another_form_are_a_conflict() -> None:
    broken: nft.Objects = ({"metainfo": {}}, {"chain": {"family": "inet", "table": "t"}})
    with pytest.raises(SourceConflictError):
        nft.chains_for(broken, Packet(4, "wlan0"))


def test_a_chain_that_jumps_in_circles_is_a_conflict() -> None:
    circle = Chain((Rule(True, frozenset(), "c", comes_back=True),), End.ACCEPT)
    with pytest.raises(SourceConflictError):
        inbound({"c": circle})
