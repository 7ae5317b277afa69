"""Who an event is about: subject identifiers (RFC 9493) and their matching (SSF 1.0, 8.1.3.1)."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from passmuster_collectors.contract.errors import ContractError

MAX_TEXT = 512

_MEMBERS: Mapping[str, tuple[str, ...]] = {
    "account": ("uri",),
    "email": ("email",),
    "iss_sub": ("iss", "sub"),
    "opaque": ("id",),
    "phone_number": ("phone_number",),
    "did": ("url",),
    "uri": ("uri",),
    "jwt_id": ("iss", "jti"),
    "saml_assertion_id": ("issuer", "assertion_id"),
}
_COMPLEX = ("user", "device", "session", "application", "tenant", "org_unit", "group")

Subject = Mapping[str, Any]


class SubjectFormat(StrEnum):
    """How a receiver wants the person and the laptop named."""

    COMPLEX = "complex"
    """Both: the person by e-mail address, the laptop by our id."""
    EMAIL = "email"
    """The person alone."""
    ISS_SUB = "iss_sub"
    """The person alone, as a subject of ours."""
    OPAQUE = "opaque"
    """The laptop alone."""


def subject_of(form: SubjectFormat, issuer: str, owner: str, device: str) -> dict[str, Any]:
    """Return the `sub_id` of an event about a person's laptop."""
    if form is SubjectFormat.EMAIL:
        return {"format": "email", "email": owner}
    if form is SubjectFormat.ISS_SUB:
        return {"format": "iss_sub", "iss": issuer, "sub": owner}
    if form is SubjectFormat.OPAQUE:
        return {"format": "opaque", "id": device}
    return {
        "format": "complex",
        "user": {"format": "email", "email": owner},
        "device": {"format": "iss_sub", "iss": issuer, "sub": device},
    }


def checked_subject(value: Any, field: str = "subject") -> Subject:
    """Return a subject that a receiver sent; `ContractError` names what is wrong with it."""
    if not isinstance(value, dict):
        raise ContractError(field, "not an object")
    form = value.get("format")
    if form == "complex":
        members = [name for name in value if name != "format"]
        if not members:
            raise ContractError(field, "a complex subject without members")
        for name in members:
            if name not in _COMPLEX:
                raise ContractError(field, f"has a member other than {', '.join(_COMPLEX)}")
            if isinstance(value[name], dict) and value[name].get("format") == "complex":
                raise ContractError(f"{field}.{name}", "a complex subject within another")
            checked_subject(value[name], f"{field}.{name}")
        return value
    if not isinstance(form, str) or form not in _MEMBERS:
        raise ContractError(f"{field}.format", f"expected one of {', '.join(_MEMBERS)}, complex")
    for name in _MEMBERS[form]:
        text = value.get(name)
        if not isinstance(text, str) or not 1 <= len(text) <= MAX_TEXT:
            raise ContractError(f"{field}.{name}", f"expected 1 to {MAX_TEXT} characters")
    if set(value) != {"format", *_MEMBERS[form]}:
        raise ContractError(field, "has members that its format does not know")
    return value


def matches(subject: Subject, owner: str, device: str, issuer: str) -> bool:
    """Whether a subject that a receiver named is that person, or that laptop, or both of them.

    Complex subjects match when each member that both have is the same. A simple one is looked for
    among the names that the event could have given.
    """
    users = [subject_of(form, issuer, owner, device) for form in _USERS]
    devices = [
        subject_of(SubjectFormat.OPAQUE, issuer, owner, device),
        subject_of(SubjectFormat.COMPLEX, issuer, owner, device)["device"],
    ]
    if subject.get("format") != "complex":
        return any(_same(subject, each) for each in (*users, *devices))
    known = {"user": users, "device": devices}
    shared = [name for name in known if name in subject]
    return bool(shared) and all(
        any(_same(subject[name], each) for each in known[name]) for name in shared
    )


_USERS = (SubjectFormat.EMAIL, SubjectFormat.ISS_SUB)


def _same(one: Subject, other: Subject) -> bool:
    # E-mail addresses are compared as everywhere else here, without case.
    return {name: str(value).casefold() for name, value in one.items()} == {
        name: str(value).casefold() for name, value in other.items()
    }
