"""`passmuster-server deployment-secret` and `approve`: laptops that are enrolled by the dozen."""

from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from passmuster_server.audit.record import Event
from passmuster_server.commands import Command, CommandError
from passmuster_server.database import Transaction
from passmuster_server.devices import admission, deployment_secrets
from passmuster_server.devices.deployment_secrets import NewSecret, SecretError
from passmuster_server.devices.groups import GroupError, Ownership
from passmuster_server.devices.in_service import NotPendingError
from passmuster_server.schema import DEFAULT_ORGANISATION

T = TypeVar("T")


def add_commands(parsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Register both."""
    secret = parsers.add_parser(
        "deployment-secret", help="make, list and revoke secrets by which many laptops enrol"
    )
    verbs = secret.add_subparsers(metavar="VERB", required=True)
    added = verbs.add_parser("add", help="print a new secret, this once")
    added.add_argument("name", help="such as intune")
    added.add_argument("--uses", required=True, type=int, metavar="N", help="for so many laptops")
    added.add_argument("--days", required=True, type=int, metavar="D", help="good for so long")
    added.add_argument("--group", metavar="NAME", help="the group that the laptops will be in")
    added.add_argument(
        "--ownership",
        choices=[each.value for each in Ownership],
        help="whose property they are (default: the company's)",
    )
    added.add_argument(
        "--owner-domain", metavar="DOMAIN", help="owners' addresses have to be of this domain"
    )
    added.add_argument(
        "--approve-at-once", action="store_true", help="the laptops wait for no approval"
    )
    added.set_defaults(run=add)
    listed = verbs.add_parser("list", help="list the secrets' names and what is left of them")
    listed.set_defaults(run=show)
    revoked = verbs.add_parser("revoke", help="let no more laptops in by a secret")
    revoked.add_argument("name", help="as `list` prints it")
    revoked.set_defaults(run=revoke)
    approved = parsers.add_parser("approve", help="put devices in service that wait for approval")
    approved.add_argument("devices", nargs="+", metavar="DEVICE", help="the id, as on its page")
    approved.set_defaults(run=approve_devices)


def add(command: Command) -> int:
    """Print a fresh secret; it is not kept."""
    arguments, now = command.arguments, command.clock()
    new = NewSecret(
        arguments.name,
        arguments.uses,
        # More days than a time can hold are refused as too many.
        timedelta(days=max(0, min(arguments.days, deployment_secrets.LONGEST.days + 1))),
        arguments.approve_at_once,
        arguments.owner_domain,
        arguments.group,
        arguments.ownership and Ownership(arguments.ownership),
    )
    name = new.name.strip()
    secret, _ = _change(
        command,
        lambda transaction: admission.issue_secret(
            transaction.connection, DEFAULT_ORGANISATION, new, command.actor, now
        ),
        lambda issued: issued[1],
    )
    print(
        f"Deployment secret {name} for {new.uses} laptops, until {now + new.lasts:%Y-%m-%d %H:%M}"
    )
    print("UTC. It is shown this once:")
    print(secret)
    print("On each laptop, with the secret as standard input:")
    print(f"  passmuster-agent enroll --server {command.config.public_url} --owner EMAIL")
    if new.at_once:
        print("Each is in service at once.")
    else:
        print("Each waits until you approve it: passmuster-server approve DEVICE")
    return 0


def show(command: Command) -> int:
    """Print the secrets, the newest last; never the secrets themselves."""
    now = command.clock()
    rows = command.database.read_now(
        lambda connection: deployment_secrets.secrets_of(connection, DEFAULT_ORGANISATION)
    )
    for row in rows:
        state = f"until {row.expires_at:%Y-%m-%d %H:%M} UTC"
        if row.revoked_at is not None:
            state = "revoked"
        elif row.expires_at <= now:
            state = "expired"
        approval = "in service at once" if row.at_once else "waits for approval"
        whose = f"  @{row.owner_domain}" if row.owner_domain else ""
        print(f"{row.name}  {row.used} of {row.uses} used  {state}  {approval}{whose}")
    return 0


def revoke(command: Command) -> int:
    """Let no more laptops in by a secret."""
    name = command.arguments.name.strip()
    _change(
        command,
        lambda transaction: admission.revoke_secret(
            transaction.connection, DEFAULT_ORGANISATION, name, command.actor, command.clock()
        ),
        lambda event: event,
    )
    print(f"The deployment secret {name} lets no more laptops in. Those that are in stay.")
    return 0


def approve_devices(command: Command) -> int:
    """Put devices in service that wait; running servers hear of it within a second."""
    for device in command.arguments.devices:
        _approve(command, device)
        print(f"The device {device} is in service.")
    return 0


def _approve(command: Command, device: str) -> None:
    _change(
        command,
        lambda transaction: admission.approve(
            transaction.connection, DEFAULT_ORGANISATION, device, command.actor
        ),
        lambda event: event,
    )


def _change(command: Command, work: Callable[[Transaction], T], event: Callable[[T], Event]) -> T:
    try:
        return command.change(work, event)
    except (GroupError, NotPendingError, SecretError) as error:
        raise CommandError(str(error)) from None
