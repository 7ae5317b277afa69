"""The kernel's own lookup of a route: on this machine, and in a network of the test's own."""

import subprocess
import sys
from collections.abc import Sequence

import pytest

from passmuster_collectors.host import linux_routes
from tests.support.tools import missing, require_tool

NETWORK = """
set -e
ip link set lo up
ip link add wifi type veth peer name router
ip link set router up
ip address add 10.9.0.2/24 dev wifi
ip link set wifi up
ip route add default via 10.9.0.1
ip tuntap add dev tunnel mode tun
ip address add 10.8.0.2/32 dev tunnel
ip link set tunnel up
"""

BY_RULES = """
ip route add default dev tunnel table 51820
ip rule add not fwmark 51820 table 51820
ip rule add table main suppress_prefixlength 0
"""
"""What wg-quick sets for AllowedIPs = 0.0.0.0/0 (wg-quick(8))."""

ASK = """
import sys
from passmuster_collectors.host.linux_routes import outgoing_interface
for address in sys.argv[1:]:
    print(outgoing_interface(address))
"""


def answers(network: str, *addresses: str) -> Sequence[str]:
    """Return the answers inside of a network that these commands make."""
    require_tool("ip")
    script = NETWORK + network + 'exec "$@"'
    command = [str(require_tool("unshare")), "--net", "sh", "-c", script, "sh"]
    done = subprocess.run(
        [*command, sys.executable, "-c", ASK, *addresses],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if "not permitted" in done.stderr or "Unknown device type" in done.stderr:
        missing("a private network can't be made here: run as root")
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_an_ordinary_default_route_carries_public_traffic() -> None:
    assert answers("", "3.3.3.3", "10.9.0.9") == ["wifi", "wifi"]


def test_rules_that_no_routing_table_shows_count() -> None:
    assert answers(BY_RULES, "3.3.3.3", "10.9.0.9") == ["tunnel", "wifi"]


@pytest.mark.parametrize("kind", ["unreachable", "prohibit", "blackhole"])
def test_a_route_that_refuses_leads_nowhere(kind: str) -> None:
    refusing = f"ip route add {kind} 3.0.0.0/8\n"
    assert answers(refusing, "3.3.3.3", "4.4.4.4") == ["None", "wifi"]


def test_without_a_route_nothing_leaves() -> None:
    assert answers("ip route del default\n", "3.3.3.3", "2600::1") == ["None", "None"]


def test_what_stays_on_this_machine_does_not_leave_it() -> None:
    assert linux_routes.outgoing_interface("127.0.0.1") is None
