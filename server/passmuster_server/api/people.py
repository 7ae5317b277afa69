"""What is stored of one person, for programs: handed out as a whole, or deleted."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from passmuster_collectors.contract.errors import ContractError
from passmuster_server.accounts.forgetting import LastAdministratorError
from passmuster_server.api.endpoint import PREFIX, Call, Operation
from passmuster_server.api.messages import Nothing
from passmuster_server.api.people_messages import Erased, PersonData, WhichPerson
from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event, record
from passmuster_server.database import Transaction
from passmuster_server.gate.callers import PRIVACY_MANAGE
from passmuster_server.privacy import personal
from passmuster_server.services import Services
from passmuster_server.web.problems import RefusalError

PATH = f"{PREFIX}/people"


class People:
    """Answers a person's rights (GDPR, articles 15, 17 and 20). Each goes on record."""

    def __init__(self, services: Services) -> None:
        self._database = services.database

    async def export(self, call: Call[Nothing, Nothing, WhichPerson]) -> PersonData:
        """Return all that is stored of a person, which goes on record. Raises `ContractError`."""
        email = _address(call)

        def work(transaction: Transaction) -> Mapping[str, Any]:
            found = personal.export(transaction.connection, call.organisation, email)
            event = Event(Action.PERSON_EXPORTED, call.actor, person=email)
            record(transaction.connection, call.organisation, event, call.now)
            return found

        return PersonData(dict(await self._database.write(work)))

    async def erase(self, call: Call[Nothing, Nothing, WhichPerson]) -> Erased:
        """Delete all that is stored of a person. Raises `ContractError`, `RefusalError` 409."""
        email = _address(call)

        def work(transaction: Transaction) -> Mapping[str, Any]:
            erased = personal.erase(
                transaction.connection, call.organisation, email, call.actor, call.now
            )
            # Not whom: the record of the erasure must not hold what was erased.
            event = Event(Action.PERSON_ERASED, call.actor, details=erased)
            record(transaction.connection, call.organisation, event, call.now)
            return erased

        try:
            return msgspec.convert(await self._database.write(work), Erased)
        except LastAdministratorError:
            raise RefusalError(
                409,
                "last_administrator",
                "This is the last administrator who may change everything.",
                field="email",
            ) from None


def operations(services: Services) -> Sequence[Operation[Any, Any, Any]]:
    """Return what this part of the API can do."""
    people = People(services)
    return (
        Operation(
            "exportPerson",
            f"{PATH}/exports",
            "All that is stored of one person; an address belongs in no URL, so it is in the body",
            (PRIVACY_MANAGE,),
            Nothing,
            Nothing,
            WhichPerson,
            PersonData,
            people.export,
            method="POST",
            of_everyone=True,
            makes_nothing=True,
        ),
        Operation(
            "erasePerson",
            f"{PATH}/erasures",
            "Delete all that is stored of one person; their laptops must then be enrolled anew",
            (PRIVACY_MANAGE,),
            Nothing,
            Nothing,
            WhichPerson,
            Erased,
            people.erase,
            method="POST",
            of_everyone=True,
            makes_nothing=True,
        ),
    )


def _address(call: Call[Nothing, Nothing, WhichPerson]) -> str:
    """Return by what the person is stored: the gate is asked about some by no e-mail address."""
    try:
        return personal.person_of(call.body.email)
    except personal.PersonError as error:
        raise ContractError("email", str(error)) from None
