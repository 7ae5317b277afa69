"""`passmuster-server export-person` and `erase-person`."""

import json
from argparse import ArgumentParser, _SubParsersAction

from passmuster_server.accounts.forgetting import LastAdministratorError
from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event
from passmuster_server.commands import Command, CommandError
from passmuster_server.privacy import personal
from passmuster_server.schema import DEFAULT_ORGANISATION


def add_commands(parsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Register both."""
    exported = parsers.add_parser("export-person", help="print all that is stored of one person")
    exported.add_argument("email", help="as the person's laptops are enrolled")
    exported.set_defaults(run=export)
    erased = parsers.add_parser("erase-person", help="delete all that is stored of one person")
    erased.add_argument("email", help="as the person's laptops are enrolled")
    erased.add_argument("--yes", action="store_true", help="don't ask")
    erased.set_defaults(run=erase)


def export(command: Command) -> int:
    """Print JSON: devices with their readings, changes, verdicts and reports; decisions."""
    email = _address(command)
    found = command.change(
        lambda transaction: personal.export(transaction.connection, DEFAULT_ORGANISATION, email),
        lambda _: Event(Action.PERSON_EXPORTED, person=email),
    )
    print(json.dumps(found, indent=2, ensure_ascii=False))
    return 0


def erase(command: Command) -> int:
    """Delete it all, after asking."""
    email = _address(command)
    if not command.arguments.yes:
        print(f"Delete all that is stored of {email}? Their laptops must then be enrolled anew.")
        try:
            answer = input("Type the address again: ").strip()
        except EOFError:
            raise CommandError("nothing was deleted") from None
        if answer != email:
            raise CommandError("nothing was deleted")
    try:
        found = command.change(
            lambda transaction: personal.erase(
                transaction.connection,
                DEFAULT_ORGANISATION,
                email,
                command.actor,
                command.clock(),
            ),
            # Not whom: the record of the erasure must not hold what was erased.
            lambda erased: Event(Action.PERSON_ERASED, details=erased),
        )
    except LastAdministratorError as error:
        raise CommandError(
            f"nothing was deleted: {error}. Make another one first, with create-admin."
        ) from None
    print(f"Deleted: {found['devices']} devices, {found['decisions']} decisions of the gate.")
    if found["account"]:
        print("The account for the console and its sessions are deleted too.")
    if found["alerts"]:
        print(f"Alerts that went to this address or from it are gone: {found['alerts']}.")
    if found["callers"]:
        print(f"Callers that might ask about nobody else are revoked: {found['callers']}.")
    return 0


def _address(command: Command) -> str:
    """Return by what the person is stored. Raises `CommandError`."""
    try:
        return personal.person_of(command.arguments.email)
    except personal.PersonError as error:
        raise CommandError(f"email: {error}") from None
