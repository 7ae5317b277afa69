"""`passmuster-server policy`: show, preview, publish, history, rollback."""

import json
from argparse import ArgumentParser, _SubParsersAction
from pathlib import Path

from passmuster_collectors.contract.errors import ContractError
from passmuster_server.commands import Command, CommandError
from passmuster_server.policy import publishing, store
from passmuster_server.policy.default_document import default_document
from passmuster_server.policy.demands import Severity
from passmuster_server.policy.document import MAX_DOCUMENT, Policy
from passmuster_server.policy.json_schema import policy_schema
from passmuster_server.policy.key_tier import ANY_TIER
from passmuster_server.policy.simulation import Moved, Simulation, simulate
from passmuster_server.schema import DEFAULT_ORGANISATION

MAX_SHOWN = 50

_WHAT_IT_DOES = {
    Severity.BLOCK: "shuts the gate",
    Severity.WARN: "is shown and shuts nobody out",
    Severity.OFF: "is not looked at",
}


def add_commands(parsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Register `policy`."""
    policy = parsers.add_parser("policy", help="show, try out, publish and roll back the policy")
    verbs = policy.add_subparsers(metavar="VERB", required=True)
    shown = verbs.add_parser("show", help="print the policy in force as TOML")
    shown.add_argument("--version", type=int, metavar="N", help="an earlier one")
    shown.set_defaults(run=show)
    tried = verbs.add_parser("preview", help="say whom a policy would shut out, and change nothing")
    tried.add_argument("file", type=Path, help="a TOML document such as `show` prints")
    tried.set_defaults(run=preview)
    published = verbs.add_parser("publish", help="put a policy in force and judge every device")
    published.add_argument("file", type=Path, help="a TOML document such as `show` prints")
    published.add_argument(
        "--shuts-out-at-most",
        type=int,
        metavar="N",
        help="refuse where more laptops than that would be shut out",
    )
    published.set_defaults(run=publish)
    formal = verbs.add_parser("schema", help="print the JSON Schema of a policy document")
    formal.set_defaults(run=schema)
    told = verbs.add_parser("history", help="list every published version")
    told.set_defaults(run=history)
    back = verbs.add_parser("rollback", help="put an earlier version in force again")
    back.add_argument("version", type=int, help="as `history` lists it")
    back.set_defaults(run=rollback)


def show(command: Command) -> int:
    """Print a policy, the one in force unless another is asked for."""
    if command.arguments.version is not None:
        print(_document_of(command, command.arguments.version), end="")
        return 0
    rows = command.database.read_now(store.newest_policies)
    found = [row.document for row in rows if row.organisation_id == DEFAULT_ORGANISATION]
    print(found[0] if found else default_document(), end="")
    return 0


def preview(command: Command) -> int:
    """Print what a document would do to the fleet as it last reported."""
    _, policy = _read(command)
    _print_simulation(_simulated(command, policy))
    return 0


def publish(command: Command) -> int:
    """Check and publish a document; running servers judge by it within a second."""
    in_force = _version_in_force(command)
    document, policy = _read(command)
    most = command.arguments.shuts_out_at_most
    if most is not None:
        found = _simulated(command, policy)
        if len(found.shut_out) > most:
            _print_simulation(found)
            raise CommandError(
                f"not published: it would shut out {len(found.shut_out)}, more than {most}"
            )
    _put_in_force(command, document, policy, in_force)
    return 0


def schema(_: Command) -> int:
    """Print the schema: for editors, and for those who make documents by a program."""
    print(json.dumps(policy_schema(), indent=2))
    return 0


def history(command: Command) -> int:
    """Print every published version, the newest first."""
    rows = command.database.read_now(
        lambda connection: store.published_policies(connection, DEFAULT_ORGANISATION)
    )
    for row in rows:
        print(f"{row.version:>5}  {row.published_at:%Y-%m-%d %H:%M:%S} UTC  {row.published_by}")
    return 0


def rollback(command: Command) -> int:
    """Publish an earlier version's document again, as a new version."""
    in_force = _version_in_force(command)
    version = command.arguments.version
    document = _document_of(command, version)
    try:
        policy = _checked(command, document)
    except ContractError as error:
        raise CommandError(f"version {version} can't be put in force again: {error}") from None
    _put_in_force(command, document, policy, in_force, publishing.again(version))
    return 0


def _read(command: Command) -> tuple[str, Policy]:
    path: Path = command.arguments.file
    try:
        with path.open("rb") as file:
            document = file.read(MAX_DOCUMENT + 1).decode("utf-8")
        return document, _checked(command, document)
    except OSError as error:
        raise CommandError(f"{path}: can't be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise CommandError(f"{path}: not UTF-8 text") from None
    except ContractError as error:
        raise CommandError(f"{path}: {error}") from None


def _checked(command: Command, document: str) -> Policy:
    return command.database.read_now(
        lambda connection: publishing.checked(connection, DEFAULT_ORGANISATION, document)
    )


def _document_of(command: Command, version: int) -> str:
    row = command.database.read_now(
        lambda connection: store.find_policy(connection, DEFAULT_ORGANISATION, version)
    )
    if row is None:
        raise CommandError(f"there is no policy version {version}; see: policy history")
    return str(row.document)


def _version_in_force(command: Command) -> int:
    return command.database.read_now(
        lambda connection: store.newest_version(connection, DEFAULT_ORGANISATION)
    )


def _put_in_force(
    command: Command, document: str, policy: Policy, instead_of: int, note: str = ""
) -> None:
    try:
        version, _ = command.change(
            lambda transaction: publishing.publish(
                transaction.connection,
                DEFAULT_ORGANISATION,
                document,
                command.actor,
                command.clock(),
                instead_of=instead_of,
                note=note,
            ),
            lambda published: published[1],
        )
    except publishing.OvertakenError:
        raise CommandError(
            "not published: another policy was published meanwhile; see: policy history"
        ) from None
    print(f"Policy version {version} is in force.")
    for name, demanded in policy.signals.items():
        if demanded.limits == ANY_TIER:
            continue
        grace = f", after {demanded.grace_s} s of grace" if demanded.grace_s else ""
        print(f"  {name}: {_WHAT_IT_DOES[demanded.severity]}{grace}")
    for overlay in policy.overlays:
        if overlay.signals:
            print(f"  {overlay.key} differently: {', '.join(overlay.signals)}")


def _simulated(command: Command, policy: Policy) -> Simulation:
    return command.database.read_now(
        lambda connection: simulate(connection, DEFAULT_ORGANISATION, policy, command.clock())
    )


def _print_simulation(found: Simulation) -> None:
    print(f"Of {_laptops(found.devices)} in service, this policy")
    for what, moved in (
        ("would shut out", found.shut_out),
        ("would give time to put something right to", found.warned),
        ("would let in again", found.let_in),
    ):
        print(f"  {what}: {len(moved)}")
        for each in moved[:MAX_SHOWN]:
            print(f"    {each.owner}  {each.computer_name}  {_why(each)}".rstrip())
        if len(moved) > MAX_SHOWN:
            print(f"    and {len(moved) - MAX_SHOWN} more")


def _why(moved: Moved) -> str:
    if not moved.reasons:
        return moved.after.value.replace("_", " ")
    first, *others = moved.reasons
    more = f" (and {len(others)} more)" if others else ""
    return f"{first.signal}: {first.admin}{more}"


def _laptops(count: int) -> str:
    return "1 laptop" if count == 1 else f"{count} laptops"
