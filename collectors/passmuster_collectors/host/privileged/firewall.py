"""`firewall`: the kernel's filter rules, which it tells nobody without `CAP_NET_ADMIN`.

A helper of its own answers this word: the other one has no network, and so no rules to see. It runs
as nobody in particular, of root's group, with that one capability. The rules go to the agent, which
follows them for one packet and tells what becomes of it; they go no further.
"""

from collections.abc import Mapping

from passmuster_collectors.host.base import Host
from passmuster_collectors.host.commands import Program
from passmuster_collectors.host.privileged.verbs import Answers, answer_of, question

COMMANDS: Mapping[Program, tuple[str, ...]] = {
    Program.NFT: ("--json", "list", "ruleset"),
    Program.IPTABLES_SAVE: (),
    Program.IP6TABLES_SAVE: (),
}
"""What is run, with these arguments and no others."""

TABLES = ("/proc/net/ip_tables_names", "/proc/net/ip6_tables_names")
"""Whether the older iptables, which nftables does not see, is in use; for root and its group."""


def gather(host: Host) -> Answers:
    """Return what nftables holds, and what iptables has put there in its own words."""
    rules = {
        question("run", program.name, *arguments): answer_of(_run, host, program, arguments)
        for program, arguments in COMMANDS.items()
    }
    names = {question("read_file", path): answer_of(host.read_file, path) for path in TABLES}
    return rules | names


def _run(host: Host, program: Program, arguments: tuple[str, ...]) -> tuple[int, bytes, bytes]:
    done = host.run(program, *arguments)
    return done.status, done.stdout, b""
