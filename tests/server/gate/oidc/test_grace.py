"""A laptop in grace: let in, and the relying party is told so and until when."""

import base64
import json
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.server.gate.oidc.test_authorize import asked
from tests.server.gate.oidc.test_token import redeem
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_laptops import ONLY_USB, enrolled, with_usb_stick
from tests.support.signing_in import Registered, Visitor, register

CALLBACK = "https://sso.example.com/callback"
GRACE_S = 3600
IN_GRACE = ONLY_USB.replace(
    '[signals.usb_devices]\nseverity = "block"',
    f'[signals.usb_devices]\nseverity = "block"\ngrace_s = {GRACE_S}',
)


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClockedServer]:
    with clocked_server(tmp_path_factory.mktemp("provider"), policy=IN_GRACE) as running:
        yield running


@pytest.fixture
def helpdesk(provider: ClockedServer, client: httpx.Client) -> Registered:
    enrolled(provider, client, "ana@example.com", with_usb_stick())
    return register(provider, CALLBACK, "--trust-login-hint")


def test_grace_is_an_allow_that_says_what_it_is(
    client: httpx.Client, visitor: Visitor, helpdesk: Registered
) -> None:
    arrival = visitor.open(asked(helpdesk, login_hint="ana@example.com"))
    assert arrival is not None
    token = redeem(client, helpdesk, arrival.values["code"]).json()["id_token"]
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert claims["acr"] == "urn:passmuster:posture:grace"
    assert 0 < claims["passmuster_grace_until"] - time.time() <= GRACE_S

    strict = '{"id_token":{"acr":{"essential":true,"value":"urn:passmuster:posture:compliant"}}}'
    arrival = visitor.open(asked(helpdesk, login_hint="ana@example.com", claims=strict))
    assert arrival is not None
    assert arrival.values["error"] == "unmet_authentication_requirements"
