"""What the companion in a user's session says, and what it counts for on every system.

It fills what could not be read outside of the session, and no more: where it says something else
than what was read there, nobody is believed.
"""

from typing import TypeVar

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.host.base import COMPANION, Host, SourceConflictError

Kind = TypeVar("Kind")
Told = TypeVar("Told")


def said_by_companion(host: Host, person: int, signal: str, kind: type[Kind]) -> Kind:
    """Return what the companion of a person says of a signal, as a `kind`.

    Raises `SourceError`; what is no `kind` is a conflict.
    """
    said = host.testimony(person, signal)
    try:
        return codec.decode(kind, said)
    except ContractError as error:
        raise SourceConflictError(COMPANION, str(error)) from None


def differ(own: object, said: object) -> bool:
    """Whether both know, and not the same. A number is no truth value, whatever Python says."""
    return UNKNOWN not in (own, said) and (own != said or type(own) is not type(said))


def filled(own: Told | Unknown, said: Told | Unknown) -> Told | Unknown:
    """Return what was read here, or else what the companion says."""
    return said if own == UNKNOWN else own
