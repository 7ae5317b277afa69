"""`passmuster-server policy show` and `policy publish FILE`."""

import getpass
from argparse import ArgumentParser, _SubParsersAction
from pathlib import Path

from passmuster_collectors.contract.errors import ContractError
from passmuster_server.changes import announce
from passmuster_server.commands import Command, CommandError
from passmuster_server.database import Transaction
from passmuster_server.policy import store
from passmuster_server.policy.document import MAX_DOCUMENT, Severity, default_document, parse
from passmuster_server.schema import DEFAULT_ORGANISATION

_WHAT_IT_DOES = {
    Severity.BLOCK: "shuts the gate",
    Severity.WARN: "is shown and shuts nobody out",
    Severity.OFF: "is not looked at",
}


def add_commands(parsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Register `policy`."""
    policy = parsers.add_parser("policy", help="show or publish the policy")
    verbs = policy.add_subparsers(metavar="VERB", required=True)
    shown = verbs.add_parser("show", help="print the policy in force as TOML")
    shown.set_defaults(run=show)
    published = verbs.add_parser("publish", help="put a policy in force and judge every device")
    published.add_argument("file", type=Path, help="a TOML document such as `show` prints")
    published.set_defaults(run=publish)


def show(command: Command) -> int:
    """Print the policy in force."""
    rows = command.database.read_now(store.newest_policies)
    found = [row.document for row in rows if row.organisation_id == DEFAULT_ORGANISATION]
    print(found[0] if found else default_document(), end="")
    return 0


def publish(command: Command) -> int:
    """Check and publish a document; running servers judge by it within a second."""
    path = command.arguments.file
    try:
        with path.open("rb") as file:
            document = file.read(MAX_DOCUMENT + 1).decode("utf-8")
        policy = parse(document, 0)
    except OSError as error:
        raise CommandError(f"{path}: can't be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise CommandError(f"{path}: not UTF-8 text") from None
    except ContractError as error:
        raise CommandError(f"{path}: {error}") from None

    def work(transaction: Transaction) -> int:
        connection = transaction.connection
        by = f"{getpass.getuser()} (command line)"
        version = store.insert_policy(
            connection, DEFAULT_ORGANISATION, document, command.clock(), by
        )
        announce(connection, DEFAULT_ORGANISATION, None)
        return version

    print(f"Policy version {command.database.write_now(work)} is in force.")
    for name, demanded in policy.signals.items():
        grace = f", after {demanded.grace_s} s of grace" if demanded.grace_s else ""
        print(f"  {name}: {_WHAT_IT_DOES[demanded.severity]}{grace}")
    return 0
