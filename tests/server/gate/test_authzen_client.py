"""AuthZEN asked by a client that others wrote, with a token that another one of theirs fetched.

`apparitor` sends what its own models hold and takes no answer that is not strictly the
specification's; npm's certified `openid-client` finds the token endpoint and asks it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import httpx
import pytest
from apparitor.client import AuthZENClient
from apparitor.config import ScannerConfig
from apparitor.errors import AuthZENClientError
from apparitor.models import (
    Action,
    BatchEvaluationRequest,
    EvaluationItem,
    EvaluationRequest,
    EvaluationSemantic,
    EvaluationsOptions,
    Resource,
    Subject,
)

from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_laptops import ONLY_USB, enrolled, healthy, with_usb_stick
from tests.support.relying_party import relying_party

T = TypeVar("T")

GOOD, BAD = "good@example.com", "bad@example.com"
LOGIN = Action(name="login")
HELPDESK = Resource(type="application", id="helpdesk")


@dataclass
class Site:
    server: ClockedServer
    token: str
    devices: dict[str, str]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("server")
    with clocked_server(folder, policy=ONLY_USB) as server, server.client() as client:
        good = enrolled(server, client, GOOD, healthy())
        bad = enrolled(server, client, BAD, with_usb_stick())
        yield Site(server, server.gate_token(), {GOOD: good.device, BAD: bad.device})


def asked(site: Site, token: str, story: Callable[[AuthZENClient], Awaitable[T]]) -> T:
    """Return what `story` returns of a client with this token."""

    async def told() -> T:
        config = ScannerConfig.model_validate(
            {"pdp_url": site.server.url, "allow_insecure_pdp": True, "max_retries": 0}
            | dict.fromkeys(("connect_timeout_s", "read_timeout_s", "request_budget_s"), 20.0)
        )
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(headers=headers, trust_env=False) as http:
            return await story(AuthZENClient(config, http_client=http))

    return asyncio.run(told())


def of(person: str, **properties: str) -> Subject:
    return Subject(type="user", id=person, properties=dict(properties))


def question(person: str, **properties: str) -> EvaluationRequest:
    return EvaluationRequest(
        subject=of(person, **properties), action=LOGIN, resource=HELPDESK, context={"locale": "de"}
    )


def test_it_is_let_in_and_kept_out_with_reasons(site: Site) -> None:
    good = asked(site, site.token, lambda client: client.evaluate(question(GOOD)))
    assert good.decision is True
    named = question(GOOD, device_id=site.devices[GOOD])
    assert asked(site, site.token, lambda client: client.evaluate(named)).decision is True

    bad = asked(site, site.token, lambda client: client.evaluate(question(BAD)))
    assert bad.decision is False
    assert bad.context is not None
    assert set(bad.context["reason_user"]) == {"en", "de"}
    assert "usb_devices: " in bad.context["reason_admin"]["en"]


@pytest.mark.parametrize(
    ("semantic", "expected"),
    [
        (EvaluationSemantic.EXECUTE_ALL, [True, False, True]),
        (EvaluationSemantic.DENY_ON_FIRST_DENY, [True, False]),
        (EvaluationSemantic.PERMIT_ON_FIRST_PERMIT, [True]),
    ],
)
def test_its_batches_end_as_it_says(
    site: Site, semantic: EvaluationSemantic, expected: list[bool]
) -> None:
    batch = BatchEvaluationRequest(
        action=LOGIN,
        resource=HELPDESK,
        evaluations=[EvaluationItem(subject=of(person)) for person in (GOOD, BAD, GOOD)],
        options=EvaluationsOptions(evaluations_semantic=semantic),
    )
    answer = asked(site, site.token, lambda client: client.evaluate_batch(batch))
    assert [each.decision for each in answer.evaluations] == expected


def test_it_is_told_whether_the_caller_or_the_question_is_to_blame(site: Site) -> None:
    with pytest.raises(AuthZENClientError) as refused:
        asked(site, "made-up", lambda client: client.evaluate(question(GOOD)))
    assert refused.value.status_code == 401
    with pytest.raises(AuthZENClientError) as refused:
        asked(site, site.token, lambda client: client.evaluate(question("line\nbreak")))
    assert refused.value.status_code == 400


def test_a_token_by_client_credentials_does_as_well(site: Site) -> None:
    printed = site.server.command("gate-client", "sso", "--oauth", "--scope", "gate").stdout.split()
    with relying_party() as party:
        party.do(
            "discover",
            issuer=site.server.url,
            id=printed[-2],
            secret=printed[-1],
            method="client_secret_basic",
            algorithm="oauth2",
        )
        given = party.do("credentials", parameters={"scope": "gate"})
    assert given["token_type"] == "bearer"
    answer = asked(site, given["access_token"], lambda client: client.evaluate(question(GOOD)))
    assert answer.decision is True
