"""`passmuster-server network`: which Wi-Fi networks laptops are on, and which IT trusts by name."""

from argparse import ArgumentParser, _SubParsersAction

from passmuster_server.commands import Command, CommandError
from passmuster_server.policy import allowances, exception_commands
from passmuster_server.policy.allowances import AllowanceError, AllowanceKind, network_value
from passmuster_server.policy.networks import hash_of
from passmuster_server.policy.reported import reported_networks
from passmuster_server.schema import DEFAULT_ORGANISATION


def add_commands(parsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Register `network`."""
    network = parsers.add_parser("network", help="list and trust Wi-Fi networks")
    verbs = network.add_subparsers(metavar="VERB", required=True)
    seen = verbs.add_parser("list", help="list the networks that laptops are on, as hashes")
    seen.set_defaults(run=show)
    trusted = verbs.add_parser("trust", help="let laptops use a network that policy forbids")
    trusted.add_argument("name", help="the network's name (SSID); with --hash, what you call it")
    trusted.add_argument("--hash", metavar="HASH", help="a network as `list` prints it")
    exception_commands.add_terms(trusted)
    trusted.set_defaults(run=trust)
    listed = verbs.add_parser("trusted", help="list the networks that are trusted")
    listed.set_defaults(run=show_trusted)
    ended = verbs.add_parser("end", help="end the trust in a network before its time")
    ended.add_argument("allowance", help="its id, as `trusted` prints it")
    ended.set_defaults(run=exception_commands.end)


def show(command: Command) -> int:
    """Print every network by its hash, with the name where IT has given one."""
    found, granted = command.database.read_now(
        lambda connection: (
            reported_networks(connection, DEFAULT_ORGANISATION),
            allowances.all_allowances(connection, DEFAULT_ORGANISATION),
        )
    )
    names = {row.value: row.name for row in granted if row.kind == AllowanceKind.NETWORK}
    for each in found:
        told = ", ".join(each.security)
        print(f"{each.network}  {told}  {each.laptops}  {names.get(each.network, '')}".rstrip())
    return 0


def trust(command: Command) -> int:
    """Trust a network; servers judge by it within a second."""
    arguments = command.arguments
    try:
        value = network_value(arguments.hash) if arguments.hash else _hash(command, arguments.name)
    except AllowanceError as error:
        raise CommandError(str(error)) from None
    allowance = exception_commands.grant(command, AllowanceKind.NETWORK, value, arguments.name)
    print(f"{allowance}: trusted {value}")
    return 0


def show_trusted(command: Command) -> int:
    """Print what is in force."""
    exception_commands.show(command, {AllowanceKind.NETWORK: "trusted"})
    return 0


def _hash(command: Command, name: str) -> str:
    return command.database.read_now(
        lambda connection: hash_of(connection, DEFAULT_ORGANISATION, name)
    )
