"""What callers send by the AuthZEN Authorization API 1.0: one question, or several with defaults.

Section numbers in this module are that specification's.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import msgspec

from passmuster_collectors.contract.errors import ContractError
from passmuster_server.gate.decision import Proof, Question

MAX_EVALUATIONS = 100

Type = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class Properties(msgspec.Struct):
    """The part of a subject's properties that counts here; others are ignored (section 5.1)."""

    device_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None


class Subject(msgspec.Struct):
    """Section 5.1."""

    type: Type
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=254)]
    properties: Properties | None = None


class Action(msgspec.Struct):
    """Section 5.3. Posture is the same for every action."""

    name: Type


class Resource(msgspec.Struct):
    """Section 5.2. `id` is the application."""

    type: Type
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


class Evaluation(msgspec.Struct):
    """Section 6.1. Unknown members are ignored."""

    subject: Subject
    action: Action
    resource: Resource
    context: dict[str, Any] | None = None


class Semantic(StrEnum):
    """In which order several questions end (section 7.1.2.1)."""

    ALL = "execute_all"
    DENY = "deny_on_first_deny"
    PERMIT = "permit_on_first_permit"


class Asked(msgspec.Struct, frozen=True, gc=False):
    """One question, and the locale that its context names for the reader, or nothing."""

    question: Question
    locale: str


@dataclass(frozen=True)
class Batch:
    """Several questions in their order; in the place of one that is malformed, what is wrong."""

    semantic: Semantic
    items: tuple[Asked | ContractError, ...]


_PERSON, _CALLER = Proof.PERSON, Proof.CALLER
_decoder = msgspec.json.Decoder(Evaluation)
_batch_decoder = msgspec.json.Decoder(dict[str, Any])
_MISSING = re.compile(r"missing required field `(\w+)`")
_PLACE = re.compile(r" - at `\$\.?([\w.\[\]]*)`$")
_REQUIRED = {"subject": ("type", "id"), "action": ("name",), "resource": ("type", "id")}


def parse_question(body: bytes, organisation: str) -> Asked:
    """Return the question in an access evaluation request; `ContractError` names the field."""
    try:
        evaluation = _decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _wrong_field(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _not_json() from None
    return _asked(evaluation, organisation)


def parse_questions(body: bytes, organisation: str) -> Asked | Batch:
    """Return what an access evaluations request asks (section 7.1): without `evaluations`, one.

    Raises `ContractError` for what is wrong with the request as a whole.
    """
    try:
        given = _batch_decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _wrong_field(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _not_json() from None
    evaluations = given.get("evaluations")
    semantic = _semantic(given.get("options"))
    if evaluations is None or evaluations == []:
        return _converted(given, organisation)
    if not isinstance(evaluations, list):
        raise ContractError("evaluations", "not a list")
    if len(evaluations) > MAX_EVALUATIONS:
        raise ContractError("evaluations", f"more than {MAX_EVALUATIONS}")
    for name in (*_REQUIRED, "context"):
        if name in given and not isinstance(given[name], dict):
            raise ContractError(name, "not an object")
    return Batch(semantic, tuple(_item(each, given, organisation) for each in evaluations))


def _item(value: Any, defaults: Mapping[str, Any], organisation: str) -> Asked | ContractError:
    if not isinstance(value, dict):
        return ContractError("", "not an object")
    merged = {
        name: _merged(name, value, defaults)
        for name in (*_REQUIRED, "context")
        if name in value or name in defaults
    }
    try:
        return _converted(merged, organisation)
    except ContractError as error:
        return error


def _merged(name: str, value: Mapping[str, Any], defaults: Mapping[str, Any]) -> Any:
    """Return an item's own member, or the default of all items (section 7.1.1).

    An entity replaces the default as a whole; a required member that it lacks is the default's, as
    the certification scenario (C.3.2.7) has it.
    """
    if name not in value:
        return defaults[name]
    own, default = value[name], defaults.get(name)
    if not isinstance(own, dict) or not isinstance(default, dict):
        return own
    lacking = [member for member in _REQUIRED.get(name, ()) if member not in own]
    return own | {member: default[member] for member in lacking if member in default}


def _semantic(options: Any) -> Semantic:
    if options is None:
        return Semantic.ALL
    if not isinstance(options, dict):
        raise ContractError("options", "not an object")
    try:
        return Semantic(options.get("evaluations_semantic", Semantic.ALL))
    except ValueError:
        expected = ", ".join(Semantic)
        raise ContractError("options.evaluations_semantic", f"expected one of {expected}") from None


def _converted(value: Mapping[str, Any], organisation: str) -> Asked:
    try:
        return _asked(msgspec.convert(value, Evaluation), organisation)
    except msgspec.ValidationError as error:
        raise _wrong_field(str(error)) from None


def _asked(evaluation: Evaluation, organisation: str) -> Asked:
    subject, application = evaluation.subject, evaluation.resource.id
    device = subject.properties.device_id if subject.properties is not None else None
    if not subject.id.isprintable():
        raise _not_printable("subject.id")
    if not application.isprintable():
        raise _not_printable("resource.id")
    if device is not None and not device.isprintable():
        raise _not_printable("subject.properties.device_id")
    proof = _PERSON if device is None else _CALLER
    locale = evaluation.context.get("locale") if evaluation.context else None
    return Asked(
        Question(organisation, subject.id, application, device, proof, subject.type),
        locale if isinstance(locale, str) else "",
    )


def _not_printable(field: str) -> ContractError:
    return ContractError(field, "holds characters that can't be printed")


def _not_json() -> ContractError:
    return ContractError("", "not JSON, or nested too deeply")


def _wrong_field(message: str) -> ContractError:
    place = _PLACE.search(message)
    field = place.group(1) if place else ""
    missing = _MISSING.search(message)
    if missing:
        return ContractError(".".join(filter(None, (field, missing.group(1)))), "missing")
    return ContractError(field, _PLACE.sub("", message).replace("`", ""))
