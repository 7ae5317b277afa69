"""Commands for administrators: who they are, what they may do, links that sign in once."""

from argparse import ArgumentParser, _SubParsersAction

from passmuster_server.accounts import changes
from passmuster_server.accounts.addresses import AddressError
from passmuster_server.accounts.forgetting import LastAdministratorError
from passmuster_server.accounts.roles import Role
from passmuster_server.accounts.routes import sign_in_link
from passmuster_server.accounts.service import (
    LINK_LIFETIME,
    AdministratorExistsError,
    UnknownAdministratorError,
    all_administrators,
)
from passmuster_server.audit.record import Event
from passmuster_server.commands import Command, CommandError
from passmuster_server.database import Transaction
from passmuster_server.devices.groups import GroupError, find_group
from passmuster_server.schema import DEFAULT_ORGANISATION


def add_commands(parsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Register `create-admin`, `sign-in-link`, `admins` and `admin`."""
    for name, text, run in (
        ("create-admin", "add an administrator and print a first sign-in link", create_admin),
        ("sign-in-link", "print a new sign-in link for an administrator", new_link),
    ):
        parser = parsers.add_parser(name, help=text)
        parser.add_argument("--email", required=True, help="the administrator's address")
        if run is create_admin:
            parser.add_argument(
                "--group", metavar="NAME", help="the only group whose laptops the person will see"
            )
        parser.set_defaults(run=run)
        if run is create_admin:
            parser.add_argument(
                "--role",
                choices=[role.value for role in Role],
                help="what the account may do (default: everything; with --group: to look)",
            )
    listed = parsers.add_parser("admins", help="list who may sign in to the console")
    listed.set_defaults(run=show)
    changed = parsers.add_parser("admin", help="change an administrator's role, or shut one out")
    changed.add_argument("--email", required=True, help="the administrator's address")
    wanted = changed.add_mutually_exclusive_group(required=True)
    wanted.add_argument("--role", choices=[role.value for role in Role])
    wanted.add_argument("--disable", action="store_true", help="ends every session at once")
    wanted.add_argument("--enable", action="store_true")
    wanted.add_argument(
        "--forget-openid",
        action="store_true",
        help="let the next sign-in by the organisation's provider bind the account anew",
    )
    changed.set_defaults(run=change)


def create_admin(command: Command) -> int:
    """Add an administrator and print a link."""
    email, name = command.arguments.email, command.arguments.group
    role = command.arguments.role or (Role.VIEWER if name else Role.ADMINISTRATOR)

    def work(transaction: Transaction) -> tuple[str, Event]:
        group = name and find_group(transaction.connection, DEFAULT_ORGANISATION, name).group_id
        return changes.create(
            transaction,
            DEFAULT_ORGANISATION,
            email,
            Role(role),
            (group, name) if group else None,
            command.actor,
            command.clock(),
        )

    try:
        token, _ = command.change(work, lambda made: made[1])
    except (AddressError, GroupError) as error:
        raise CommandError(str(error)) from None
    except AdministratorExistsError:
        raise CommandError(f"{email} is an administrator already; see sign-in-link") from None
    return _show(command, token)


def new_link(command: Command) -> int:
    """Print a fresh link."""
    email = command.arguments.email
    try:
        token, _ = command.change(
            lambda transaction: changes.link(
                transaction, DEFAULT_ORGANISATION, email, command.actor, command.clock()
            ),
            lambda made: made[1],
        )
    except AddressError as error:
        raise CommandError(str(error)) from None
    except UnknownAdministratorError:
        raise CommandError(f"{email} is no administrator; see create-admin") from None
    return _show(command, token)


def show(command: Command) -> int:
    """Print every administrator with role and state."""
    rows = command.database.read_now(
        lambda connection: all_administrators(connection, DEFAULT_ORGANISATION)
    )
    for row in rows:
        state = f"disabled {row.disabled_at:%Y-%m-%d %H:%M} UTC" if row.disabled_at else "enabled"
        by = "  by the organisation's sign-in" if row.managed else ""
        print(f"{row.email}  {row.role}  {state}{by}")
    return 0


def change(command: Command) -> int:
    """Change a role, disable or enable; running servers follow at the next click."""
    arguments = command.arguments
    email = arguments.email

    def work(transaction: Transaction) -> Event:
        about = transaction, DEFAULT_ORGANISATION, email
        if arguments.role is not None:
            return changes.change_role(*about, Role(arguments.role), command.actor)
        if arguments.forget_openid:
            return changes.forget_openid(*about, command.actor)
        disabled_at = command.clock() if arguments.disable else None
        return changes.disable(*about, disabled_at, command.actor)

    what = arguments.role or "enabled"
    if arguments.disable:
        what = "disabled"
    elif arguments.forget_openid:
        what = "unbound"
    try:
        command.change(work, lambda event: event)
    except AddressError as error:
        raise CommandError(str(error)) from None
    except UnknownAdministratorError:
        raise CommandError(f"{email} is no administrator; see create-admin") from None
    except LastAdministratorError as error:
        raise CommandError(
            f"nothing was changed: {error}. Make another one first, with create-admin."
        ) from None
    print(f"{email} is now {what}.")
    return 0


def _show(command: Command, token: str) -> int:
    minutes = int(LINK_LIFETIME.total_seconds() // 60)
    print(f"Sign in with this link, once, within {minutes} minutes:")
    print(sign_in_link(command.config.public_url, token))
    return 0
