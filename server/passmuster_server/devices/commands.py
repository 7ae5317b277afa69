"""Commands for enrolment and for taking devices out of service."""

from argparse import ArgumentParser, _SubParsersAction

from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event
from passmuster_server.changes import announce
from passmuster_server.commands import Command, CommandError
from passmuster_server.database import Transaction
from passmuster_server.devices import store
from passmuster_server.devices.admission import issue_code
from passmuster_server.devices.doors import OwnerError
from passmuster_server.devices.groups import GroupError, Ownership
from passmuster_server.devices.in_service import retire
from passmuster_server.devices.one_time_codes import CODE_LIFETIME, ReplacedDeviceError
from passmuster_server.policy.standing import DeviceStatus
from passmuster_server.schema import DEFAULT_ORGANISATION

_DONE = {
    DeviceStatus.RETIRED: Action.DEVICE_RETIRED,
    DeviceStatus.REVOKED: Action.DEVICE_REVOKED,
    DeviceStatus.LOST: Action.DEVICE_LOST,
}


def add_commands(parsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Register `enroll-code`, `retire`, `revoke`, `lost` and `found`."""
    code = parsers.add_parser("enroll-code", help="print a code that enrols one person's laptop")
    code.add_argument("--owner", required=True, metavar="EMAIL", help="whose laptop it will be")
    code.add_argument(
        "--replaces", metavar="DEVICE", help="retire this device when the code is used"
    )
    code.add_argument("--group", metavar="NAME", help="the group that the laptop will be in")
    code.add_argument(
        "--ownership",
        choices=[each.value for each in Ownership],
        help="whose property the laptop is (default: the company's)",
    )
    code.set_defaults(run=enroll_code)
    for name, status, text in (
        ("retire", DeviceStatus.RETIRED, "take a device out of service that is no longer used"),
        ("revoke", DeviceStatus.REVOKED, "shut out a device whose key may be in wrong hands"),
        ("lost", DeviceStatus.LOST, "shut out a device that is missing, and record its reports"),
    ):
        parser = parsers.add_parser(name, help=text)
        parser.add_argument("device", help="the device's id, as on its page")
        parser.set_defaults(run=take_out_of_service, status=status)
    back = parsers.add_parser("found", help="put a device that was lost in service again")
    back.add_argument("device", help="the device's id, as on its page")
    back.set_defaults(run=put_in_service)


def enroll_code(command: Command) -> int:
    """Print a fresh code; it is not kept."""
    arguments = command.arguments
    try:
        code, _ = command.change(
            lambda transaction: issue_code(
                transaction.connection,
                DEFAULT_ORGANISATION,
                arguments.owner,
                command.actor,
                command.clock(),
                replaces=arguments.replaces,
                group=arguments.group,
                ownership=arguments.ownership and Ownership(arguments.ownership),
            ),
            lambda issued: issued[1],
        )
    except (GroupError, OwnerError, ReplacedDeviceError) as error:
        raise CommandError(str(error)) from None
    minutes = int(CODE_LIFETIME.total_seconds() // 60)
    print(f"Code for {arguments.owner}, good once, for {minutes} minutes:")
    print(code)
    print(f"On the laptop: passmuster-agent enroll --server {command.config.public_url}")
    return 0


def take_out_of_service(command: Command) -> int:
    """Retire, revoke or lose a device; running servers hear of it within a second."""
    device, status = command.arguments.device, command.arguments.status

    def work(transaction: Transaction) -> str:
        owner = retire(transaction.connection, DEFAULT_ORGANISATION, device, status)
        if owner is None:
            raise CommandError("there is no such device")
        found = store.find_device(transaction.connection, DEFAULT_ORGANISATION, device)
        if status is DeviceStatus.LOST and found is not None and found.status != status:
            raise CommandError(f"the device is {found.status} and stays so")
        return owner

    command.change(work, lambda owner: Event(_DONE[status], subject=device, person=owner))
    print(f"The device is {status}.")
    return 0


def put_in_service(command: Command) -> int:
    """Put a lost device in service again; what it last reported decides about the gate."""
    device = command.arguments.device

    def work(transaction: Transaction) -> str:
        connection = transaction.connection
        found = store.find_device(connection, DEFAULT_ORGANISATION, device, held=True)
        if found is None:
            raise CommandError("there is no such device")
        if found.status != DeviceStatus.LOST:
            raise CommandError(f"the device is {found.status}, not lost")
        store.set_status(connection, DEFAULT_ORGANISATION, device, DeviceStatus.ACTIVE)
        announce(connection, DEFAULT_ORGANISATION, device)
        return str(found.owner)

    command.change(work, lambda owner: Event(Action.DEVICE_FOUND, subject=device, person=owner))
    print("The device is in service again.")
    return 0
