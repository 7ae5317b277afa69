"""Commands for administrators: there are no passwords, only links that sign in once."""

from argparse import ArgumentParser, _SubParsersAction

from passmuster_server.accounts.routes import sign_in_link
from passmuster_server.accounts.service import (
    LINK_LIFETIME,
    AddressError,
    AdministratorExistsError,
    UnknownAdministratorError,
    create_administrator,
    create_sign_in_link,
)
from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event
from passmuster_server.commands import Command, CommandError
from passmuster_server.database import Transaction
from passmuster_server.devices.groups import GroupError, find_group
from passmuster_server.schema import DEFAULT_ORGANISATION


def add_commands(parsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Register `create-admin` and `sign-in-link`."""
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


def create_admin(command: Command) -> int:
    """Add an administrator and print a link."""
    email, name = command.arguments.email, command.arguments.group

    def work(transaction: Transaction) -> str:
        group = name and find_group(transaction.connection, DEFAULT_ORGANISATION, name).group_id
        return create_administrator(
            transaction, DEFAULT_ORGANISATION, email, command.clock(), group
        )

    try:
        token = command.change(
            work,
            lambda _: Event(Action.ADMINISTRATOR_CREATED, subject=email, details={"group": name}),
        )
    except (AddressError, GroupError) as error:
        raise CommandError(str(error)) from None
    except AdministratorExistsError:
        raise CommandError(f"{email} is an administrator already; see sign-in-link") from None
    return _show(command, token)


def new_link(command: Command) -> int:
    """Print a fresh link."""
    email = command.arguments.email
    try:
        token = command.change(
            lambda transaction: create_sign_in_link(
                transaction, DEFAULT_ORGANISATION, email, command.clock()
            ),
            lambda _: Event(Action.SIGN_IN_LINK_CREATED, subject=email),
        )
    except AddressError as error:
        raise CommandError(str(error)) from None
    except UnknownAdministratorError:
        raise CommandError(f"{email} is no administrator; see create-admin") from None
    return _show(command, token)


def _show(command: Command, token: str) -> int:
    minutes = int(LINK_LIFETIME.total_seconds() // 60)
    print(f"Sign in with this link, once, within {minutes} minutes:")
    print(sign_in_link(command.config.public_url, token))
    return 0
