"""What may be said of a new caller, whoever says it: a command or a program."""

import re

from passmuster_collectors.contract.errors import ContractError
from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event
from passmuster_server.gate.callers import Grants
from passmuster_server.gate.push_addresses import check_push_address

MAX_NAME = 128
MAX_VALUE = 254
HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")


def check_name(name: str) -> None:
    """Raise `ContractError` unless it can be a caller's name."""
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise ContractError("name", f"expected one line of at most {MAX_NAME} characters")


def check_grants(grants: Grants) -> None:
    """Raise `ContractError`, naming the kind, for what nobody can be confined to."""
    for kind, values in (("application", grants.applications), ("person", grants.people)):
        for value in values:
            if not value or len(value) > MAX_VALUE or not value.isprintable():
                raise ContractError(kind, f"expected one line of at most {MAX_VALUE} characters")
    for person in grants.people:
        local, _, domain = person.rpartition("@")
        if not local or not domain or "*" in domain or ("*" in local and local != "*"):
            raise ContractError("person", "expected an e-mail address, or *@ and a domain")
    for url in grants.push_endpoints:
        check_push_address(url, "push")
    for host in grants.hosts:
        if len(host) > MAX_VALUE or not HOST.fullmatch(host):
            raise ContractError("host", "expected a host such as helpdesk.example.com")


def created_event(name: str, grants: Grants, actor: str = "") -> Event:
    """Return what goes on record of a new caller; of a command the actor is filled in later.

    Of people's addresses it is how many there are: an entry is erased with one person alone.
    """
    domains = [each for each in grants.people if each.startswith("*@")]
    details = {
        "scopes": list(grants.scopes),
        "applications": list(grants.applications),
        "groups": list(grants.groups),
        "people": domains,
        "addresses": len(grants.people) - len(domains),
        "hosts": list(grants.hosts),
        "push": list(grants.push_endpoints),
    }
    return Event(Action.GATE_CLIENT_CREATED, actor, subject=name, details=details)
