"""What receivers send to the stream management API, and a stream's configuration as they see it.

SSF 1.0, section 8.1. Section numbers in this module are that specification's.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from passmuster_collectors.contract.errors import ContractError
from passmuster_server.gate.callers import GateClient
from passmuster_server.gate.push_addresses import check_push_address
from passmuster_server.ssf.events import SUPPORTED
from passmuster_server.ssf.stream import Method, Settings, Status, Stream
from passmuster_server.ssf.subjects import SubjectFormat
from passmuster_server.web.problems import RefusalError

POLL_PATH = "/ssf/poll/"
MIN_VERIFICATION_INTERVAL_S = 10

StreamId = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Text = Annotated[str, msgspec.Meta(max_length=256)]


class Delivery(msgspec.Struct):
    """Section 6.1."""

    method: Method
    endpoint_url: Annotated[str, msgspec.Meta(max_length=2048)] | None = None
    authorization_header: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)] | None = None


class Configuration(msgspec.Struct):
    """Section 8.1.1: what a receiver may say. `format` is ours, after the implementer's drafts.

    `UNSET` is what a request leaves out.
    """

    stream_id: StreamId | None = None
    delivery: Delivery | msgspec.UnsetType | None = msgspec.UNSET
    events_requested: (
        Annotated[list[Annotated[str, msgspec.Meta(max_length=512)]], msgspec.Meta(max_length=64)]
        | msgspec.UnsetType
        | None
    ) = msgspec.UNSET
    description: Text | msgspec.UnsetType | None = msgspec.UNSET
    format: SubjectFormat | msgspec.UnsetType | None = msgspec.UNSET
    iss: Any = msgspec.UNSET
    aud: Any = msgspec.UNSET
    events_supported: Any = msgspec.UNSET
    events_delivered: Any = msgspec.UNSET
    min_verification_interval: Any = msgspec.UNSET


class StatusChange(msgspec.Struct):
    """Section 8.1.2.2."""

    stream_id: StreamId
    status: Status
    reason: Text | None = None


class SubjectChange(msgspec.Struct):
    """Sections 8.1.3.2 and 8.1.3.3."""

    stream_id: StreamId
    subject: Any
    verified: bool | None = None


class VerificationRequest(msgspec.Struct):
    """Section 8.1.4.2."""

    stream_id: StreamId
    state: Annotated[str, msgspec.Meta(max_length=1024)] | None = None


class PollError(msgspec.Struct):
    """RFC 8936, section 2.2."""

    err: Annotated[str, msgspec.Meta(max_length=128)]
    description: Annotated[str, msgspec.Meta(max_length=2048)] = ""


class PollRequest(msgspec.Struct):
    """RFC 8936, section 2.2."""

    maxEvents: Annotated[int, msgspec.Meta(ge=0)] | None = None  # noqa: N815 - the member's name
    returnImmediately: bool = False  # noqa: N815
    ack: Annotated[list[str], msgspec.Meta(max_length=10_000)] = []
    setErrs: Annotated[dict[str, PollError], msgspec.Meta(max_length=1_000)] = {}  # noqa: N815


def settings_of(
    given: Configuration, client: GateClient, before: Settings | None = None
) -> Settings:
    """Return what a receiver asks for; what it leaves out stays as `before`, or is the default.

    Raises `ContractError`, and `RefusalError` 403 for an address that nobody allowed it.
    """
    delivery = given.delivery
    if isinstance(delivery, Delivery) and delivery.method not in (Method.PUSH, Method.POLL):
        raise ContractError("delivery.method", "expected urn:ietf:rfc:8935 or urn:ietf:rfc:8936")
    if delivery is msgspec.UNSET and before is not None:
        method, url, credential = before.method, before.endpoint_url, before.credential
    elif delivery is msgspec.UNSET or delivery is None or delivery.method is Method.POLL:
        method, url, credential = Method.POLL, None, None
    else:
        method = Method.PUSH
        url = checked_endpoint(delivery.endpoint_url, client)
        credential = checked_credential(delivery.authorization_header)
        same_place = before is not None and before.endpoint_url == url
        if credential is None and same_place and before is not None:
            # Nobody can read it back to send it along with a change of something else.
            credential = before.credential
    requested: Any = given.events_requested
    if requested is msgspec.UNSET:
        requested = before.events_requested if before is not None else None
    description: Any = given.description
    if description is msgspec.UNSET:
        description = before.description if before is not None else None
    form: Any = given.format
    if form is msgspec.UNSET:
        form = before.subject_format if before is not None else None
    return Settings(
        method,
        url,
        credential,
        None if requested is None else tuple(dict.fromkeys(requested)),
        form or SubjectFormat.COMPLEX,
        description,
    )


def check_supplied(given: Configuration, expected: Mapping[str, Any]) -> None:
    """Raise `ContractError` where the request contradicts what is ours to say (8.1.1.3)."""
    for name in _OURS:
        value = getattr(given, name)
        if value is not msgspec.UNSET and value != expected[name]:
            raise ContractError(name, "is not what this transmitter has set")


def checked_endpoint(url: str | None, client: GateClient) -> str:
    """Return an address for pushes: one that an administrator has allowed this receiver.

    Raises `ContractError`, and `RefusalError` 403.
    """
    field = "delivery.endpoint_url"
    if not url:
        raise ContractError(field, "missing")
    check_push_address(url, field)
    allowed = any(
        url == each or (each.endswith("/") and url.startswith(each))
        for each in client.push_endpoints
    )
    if not allowed:
        raise RefusalError(
            403, "not_yours", "No administrator has allowed pushes to this address.", field=field
        )
    return url


def checked_credential(value: str | None) -> str | None:
    """Return an `Authorization` header's value that can do no harm. Raises `ContractError`."""
    if value is not None and not (value.isascii() and value.isprintable()):
        raise ContractError("delivery.authorization_header", "holds other than printable ASCII")
    return value


def configuration_of(stream: Stream, issuer: str) -> dict[str, Any]:
    """Return the stream's configuration (8.1.1), without the receiver's credential."""
    settings = stream.settings
    url = settings.endpoint_url
    if settings.method is Method.POLL:
        url = issuer + POLL_PATH + stream.stream
    shown: dict[str, Any] = {
        "stream_id": stream.stream,
        "iss": issuer,
        "aud": stream.client,
        "events_supported": list(SUPPORTED),
        "events_delivered": list(stream.events_delivered),
        "delivery": {"method": settings.method.value, "endpoint_url": url},
        "min_verification_interval": MIN_VERIFICATION_INTERVAL_S,
        "format": settings.subject_format.value,
    }
    if settings.events_requested is not None:
        shown["events_requested"] = list(settings.events_requested)
    if settings.description is not None:
        shown["description"] = settings.description
    return shown


_OURS = ("iss", "aud", "events_supported", "events_delivered", "min_verification_interval")
