"""What a laptop signs whose worker types the number of a browser."""

from datetime import UTC, datetime
from typing import Any

import httpx

from passmuster_collectors.contract import codec, confirmation
from passmuster_collectors.contract.canonical import canonical_bytes
from passmuster_collectors.contract.confirmation import Confirmation, NumberQuestion, digits_of
from tests.support.example_laptops import healthy
from tests.support.proving import Visitor
from tests.support.signing_device import SigningDevice

HEADERS = {"Content-Type": "application/jose"}


def number_shown_to(visitor: Visitor, **parameters: str) -> str:
    """Let a browser come to the door and ask for a number; return it."""
    visitor.want(**parameters)
    return another_number_shown_to(visitor)


def another_number_shown_to(visitor: Visitor) -> str:
    """Return the number of a browser that is on its way already."""
    page = visitor.client.get(f"{visitor.visit}/number")
    assert page.status_code == 200, page.text
    return digits_of(page.text.partition('<output class="number">')[2].partition("<")[0])


def ask(device: SigningDevice, client: httpx.Client, number: str, **other: Any) -> httpx.Response:
    """Return the server's answer to what the number stands for."""
    body = signed(device, NumberQuestion, confirmation.QUESTION_TYPE, number=number, **other)
    return client.post("/api/v1/confirmations/question", content=body, headers=HEADERS)


def confirm(
    device: SigningDevice,
    client: httpx.Client,
    asked: httpx.Response,
    *,
    report: bool = True,
    kind: str = confirmation.CONFIRMATION_TYPE,
    **other: Any,
) -> httpx.Response:
    """Agree to what the server told of a number, after a healthy report; return its answer."""
    assert asked.status_code == 200, asked.text
    if report:
        device.report(client, healthy())
    told = {
        "number": asked.json()["number"],
        "challenge": asked.json()["challenge"],
        "session": asked.json()["session"],
        "sequence": device.sequence,
        **other,
    }
    body = signed(device, Confirmation, kind, **told)
    return client.post("/api/v1/confirmations", content=body, headers=HEADERS)


def signed(device: SigningDevice, message: type[Any], kind: str, **said: Any) -> str:
    """Return what the device signs; `said` comes over what is right."""
    assert device.enrolled is not None
    values = {
        "version": confirmation.VERSION,
        "audience": device.enrolled.server,
        "origin": device.server,
        "signed_at": datetime.now(UTC),
        **said,
    }
    return device.signed(canonical_bytes(codec.encode(message(**values))), kind=kind)
