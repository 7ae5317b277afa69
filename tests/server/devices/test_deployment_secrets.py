"""A secret that many laptops share: whom it lets in, and that they wait until IT approves them."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from passmuster_collectors.contract.verdict import Outcome, Verdict
from passmuster_server.devices import codes
from passmuster_server.gate.causes import CAUSES
from passmuster_server.gate.decision import Cause, cause_of
from passmuster_server.policy.standing import Standing
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_readings import healthy
from tests.support.signing_device import SigningDevice

ANA = "ana@example.com"
SOON_S = 30.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClockedServer]:
    with clocked_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def client(server: ClockedServer) -> Iterator[httpx.Client]:
    with server.client() as opened:
        yield opened


def added(server: ClockedServer, name: str, *arguments: str, uses: int = 9) -> str:
    """Return a new secret."""
    printed = server.command(
        "deployment-secret", "add", name, "--uses", str(uses), "--days", "30", *arguments
    )
    return next(line for line in printed.stdout.splitlines() if len(codes.normalised(line)) == 24)


def enrolled(
    server: ClockedServer, client: httpx.Client, secret: str, owner: str | None = ANA
) -> SigningDevice:
    device = SigningDevice(server.url)
    device.enroll(client, secret, owner)
    return device


def refusal(
    server: ClockedServer, client: httpx.Client, secret: str, owner: str | None = ANA
) -> str:
    with pytest.raises(httpx.HTTPStatusError) as caught:
        SigningDevice(server.url).enroll(client, secret, owner)
    return str(caught.value.response.json()["code"])


def standing(server: ClockedServer, device: SigningDevice) -> Standing:
    found = server.services.standings.of_device(DEFAULT_ORGANISATION, device.device)
    assert found is not None
    return found


def cause(server: ClockedServer, device: SigningDevice) -> Cause:
    return cause_of(standing(server, device), server.now())


def test_its_laptop_waits_with_the_gate_shut_until_it_is_approved(
    server: ClockedServer, client: httpx.Client
) -> None:
    device = enrolled(server, client, added(server, "waiting"))
    assert device.enrolled is not None
    assert device.enrolled.owner == ANA
    assert device.enrolled.waits
    answer = device.report(client, healthy())
    assert answer.verdict is Verdict.UNKNOWN
    (told,) = answer.signals
    assert told.outcome is Outcome.UNKNOWN
    assert told.reasons == ("IT has not approved this laptop yet. Until then it opens nothing.",)
    assert cause(server, device) is Cause.PENDING
    assert "approve" in CAUSES[Cause.PENDING].steps[0]

    assert "in service" in server.command("approve", device.device).stdout
    deadline = time.monotonic() + SOON_S
    while cause(server, device) is not Cause.COMPLIANT:
        assert time.monotonic() < deadline, standing(server, device)
        time.sleep(0.02)
    assert device.report(client, healthy()).verdict is Verdict.COMPLIANT


def test_approved_after_it_fell_silent_it_no_longer_waits_for_approval(
    server: ClockedServer, client: httpx.Client
) -> None:
    device = enrolled(server, client, added(server, "silent"))
    device.report(client, healthy())
    with server.later(by=timedelta(days=2)):
        server.command("approve", device.device)
        deadline = time.monotonic() + SOON_S
        while cause(server, device) is Cause.PENDING and time.monotonic() < deadline:
            time.sleep(0.05)
        assert cause(server, device) is Cause.STALE
        told = [each.signal for each in standing(server, device).signals]
        assert "approval" not in told


def test_its_laptop_is_in_service_at_once_where_the_secret_says_so(
    server: ClockedServer, client: httpx.Client
) -> None:
    device = enrolled(server, client, added(server, "at once", "--approve-at-once"))
    assert device.enrolled is not None
    assert not device.enrolled.waits
    assert device.report(client, healthy()).verdict is Verdict.COMPLIANT


def test_it_lets_in_as_many_laptops_as_it_was_made_for(
    server: ClockedServer, client: httpx.Client
) -> None:
    secret = added(server, "three", uses=3)

    def attempt(_: int) -> str:
        with server.client() as own:
            try:
                enrolled(server, own, secret)
            except httpx.HTTPStatusError as error:
                return str(error.response.json()["code"])
        return "in"

    with ThreadPoolExecutor(5) as together:
        assert sorted(together.map(attempt, range(5))) == ["code_used"] * 2 + ["in"] * 3
    assert refusal(server, client, secret) == "code_used"
    assert server.rows("SELECT used FROM deployment_secrets WHERE name = 'three'") == [(3,)]


def test_a_revoked_one_is_as_if_it_never_was(server: ClockedServer, client: httpx.Client) -> None:
    secret = added(server, "revoked")
    device = enrolled(server, client, secret)
    server.command("deployment-secret", "revoke", "revoked")
    assert refusal(server, client, secret) == "code_wrong"
    assert device.report(client, healthy()).verdict is Verdict.UNKNOWN
    again = server.command("deployment-secret", "revoke", "revoked", check=False)
    assert again.stderr == "passmuster-server: it is revoked already\n"


def test_an_expired_one_is_refused_and_named(server: ClockedServer, client: httpx.Client) -> None:
    secret = added(server, "expired")
    with server.later(timedelta(days=31)):
        assert refusal(server, client, secret) == "code_expired"


def test_the_owner_has_to_be_named_and_of_the_right_domain(
    server: ClockedServer, client: httpx.Client
) -> None:
    secret = added(server, "domain", "--owner-domain", "Example.com")
    assert refusal(server, client, secret, None) == "owner_needed"
    assert refusal(server, client, secret, "ana@example.com.evil.org") == "owner_refused"
    assert refusal(server, client, secret, "ana@sub.example.com") == "owner_refused"
    with pytest.raises(httpx.HTTPStatusError) as caught:
        enrolled(server, client, secret, "nobody")
    assert caught.value.response.json()["field"] == "owner"
    assert server.rows("SELECT used FROM deployment_secrets WHERE name = 'domain'") == [(0,)]
    assert enrolled(server, client, secret, "ben@EXAMPLE.com").device


def test_a_one_time_code_is_for_nobody_but_its_owner(
    server: ClockedServer, client: httpx.Client
) -> None:
    code = server.enroll_code("ben@example.com")
    assert refusal(server, client, code, ANA) == "owner_refused"
    device = enrolled(server, client, code, "Ben@example.com")
    assert device.enrolled is not None
    assert not device.enrolled.waits


def test_its_laptops_are_placed_where_it_says(server: ClockedServer, client: httpx.Client) -> None:
    server.command("group", "add", "Manila")
    secret = added(server, "manila", "--group", "manila", "--ownership", "personal")
    device = enrolled(server, client, secret)
    assert server.rows(
        "SELECT name, ownership FROM devices JOIN groups USING (group_id) WHERE device_id = ?",
        device.device,
    ) == [("Manila", "personal")]


def test_agents_that_know_of_no_waiting_are_not_told_of_it(
    server: ClockedServer, client: httpx.Client
) -> None:
    bodies: list[bytes] = []
    client.event_hooks["response"] = [lambda response: bodies.append(response.read())]
    enrolled(server, client, server.enroll_code(), None)
    assert b"waits" not in bodies[-1]
    enrolled(server, client, added(server, "hooked"))
    assert b'"waits":true' in bodies[-1]


def test_only_its_hash_is_stored_and_all_of_it_goes_on_record(tmp_path: Path) -> None:
    with clocked_server(tmp_path) as server, server.client() as client:
        secret = added(server, "intune", "--owner-domain", "example.com")
        device = enrolled(server, client, secret)
        server.command("approve", device.device)
        server.command("deployment-secret", "revoke", "intune")
        stored = server.stored()
        assert secret.encode() not in stored
        assert codes.normalised(secret).encode() not in stored
        recorded = server.rows("SELECT action, subject FROM audit_entries ORDER BY number")
        assert recorded == [
            ("deployment_secret.created", "intune"),
            ("device.enrolled", device.device),
            ("device.approved", device.device),
            ("deployment_secret.revoked", "intune"),
        ]
        ((actor,),) = server.rows("SELECT actor FROM audit_entries WHERE action='device.enrolled'")
        assert actor == "deployment secret intune"
        listed = server.command("deployment-secret", "list").stdout
        assert listed == "intune  1 of 9 used  revoked  waits for approval  @example.com\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--uses", "0", "--days", "1"), "uses: expected 1 to 100000"),
        (("--uses", "1", "--days", "0"), "days: expected 1 to 366"),
        (("--uses", "1", "--days", "99999999999999"), "days: expected 1 to 366"),
        (("--uses", "1", "--days", "1", "--owner-domain", "ana@"), "owner domain: expected"),
        (("--uses", "1", "--days", "1", "--group", "Nowhere"), "none called"),
    ],
)
def test_what_can_not_be_made_is_told(
    server: ClockedServer, arguments: tuple[str, ...], said: str
) -> None:
    ended = server.command("deployment-secret", "add", "wrong", *arguments, check=False)
    assert ended.returncode == 1
    assert said in ended.stderr


def test_a_name_stands_for_one_secret(server: ClockedServer) -> None:
    added(server, "twice")
    with pytest.raises(AssertionError, match="there is a deployment secret 'twice' already"):
        added(server, "twice")


def test_what_does_not_wait_is_not_approved_and_what_waits_is_not_lost(
    server: ClockedServer, client: httpx.Client
) -> None:
    device = enrolled(server, client, added(server, "lost"))
    told = server.command("lost", device.device, check=False).stderr
    assert told == "passmuster-server: the device is pending and stays so\n"
    server.command("retire", device.device)
    told = server.command("approve", device.device, check=False).stderr
    assert told == "passmuster-server: the device is retired: it does not wait for approval\n"
    told = server.command("approve", "nobody", check=False).stderr
    assert told == "passmuster-server: there is no such device\n"
