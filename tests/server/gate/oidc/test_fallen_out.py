"""A code whose laptop fell out before it was redeemed: the gate is asked again, and on record."""

import itertools

import httpx
import pytest

from tests.server.gate.oidc.conftest import NewVisitor
from tests.server.gate.oidc.test_authorize import asked
from tests.server.gate.oidc.test_token import CALLBACK, code_for, redeem, refusal
from tests.support.clocked_server import ClockedServer
from tests.support.example_laptops import enrolled, healthy, with_usb_stick
from tests.support.signing_device import SigningDevice
from tests.support.signing_in import Registered, Visitor, register

GONE = (400, "invalid_grant")

_people = itertools.count(1)


@pytest.fixture(scope="module")
def helpdesk(provider: ClockedServer) -> Registered:
    return register(provider, CALLBACK, "--trust-login-hint", name="helpdesk")


@pytest.fixture
def eve() -> str:
    return f"eve{next(_people)}@example.com"


@pytest.fixture
def laptop(provider: ClockedServer, client: httpx.Client, eve: str) -> SigningDevice:
    return enrolled(provider, client, eve, healthy())


def decided(provider: ClockedServer, person: str, number: int) -> list[tuple[bool, str]]:
    """Return so many decisions about a person: whether allowed, and by what proof."""
    found = provider.rows_in_time(
        number,
        "SELECT allowed, proof FROM decisions WHERE subject = ? ORDER BY decided_at",
        person,
    )
    return [(bool(allowed), proof) for allowed, proof in found]


def test_a_laptop_that_fell_out_meanwhile_gets_nothing_for_its_code(
    provider: ClockedServer,
    client: httpx.Client,
    visitor: Visitor,
    helpdesk: Registered,
    eve: str,
    laptop: SigningDevice,
) -> None:
    code = code_for(visitor, helpdesk, eve)
    laptop.report(client, with_usb_stick())
    assert refusal(redeem(client, helpdesk, code)) == GONE
    laptop.report(client, healthy())
    assert refusal(redeem(client, helpdesk, code)) == GONE, "the code is used up"
    assert decided(provider, eve, 2) == [(True, "person"), (False, "person")]
    assert redeem(client, helpdesk, code_for(visitor, helpdesk, eve)).status_code == 200


def test_an_allow_that_still_stands_is_on_record_once(
    provider: ClockedServer,
    client: httpx.Client,
    visitor: Visitor,
    helpdesk: Registered,
    eve: str,
    laptop: SigningDevice,
) -> None:
    assert redeem(client, helpdesk, code_for(visitor, helpdesk, eve)).status_code == 200
    later = code_for(visitor, helpdesk, eve)
    laptop.report(client, with_usb_stick())
    assert refusal(redeem(client, helpdesk, later)) == GONE
    # Decisions are stored in their order: a second one of the first code would stand before.
    assert [allowed for allowed, *_ in decided(provider, eve, 3)] == [True, True, False]


def test_it_is_about_the_laptop_that_was_proven_and_not_about_the_persons_others(
    provider: ClockedServer,
    client: httpx.Client,
    new_visitor: NewVisitor,
    eve: str,
    laptop: SigningDevice,
) -> None:
    other = enrolled(provider, client, eve, healthy())
    proving = register(provider, CALLBACK, name=f"proving of {eve}")
    visitor = new_visitor()
    visitor.laptop = laptop

    def proven() -> str:
        arrival = visitor.open(asked(proving, login_hint=eve))
        assert arrival is not None
        return arrival.values["code"]

    code = proven()
    other.report(client, with_usb_stick())
    assert redeem(client, proving, code).status_code == 200
    code = proven()
    other.report(client, healthy())
    laptop.report(client, with_usb_stick())
    assert refusal(redeem(client, proving, code)) == GONE
    assert decided(provider, eve, 3) == [
        (True, "loopback"),
        (True, "loopback"),
        (False, "loopback"),
    ]
