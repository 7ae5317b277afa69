"""The door that a person opens after signing in: RFC 8628 against npm's certified oidc-provider."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.enrolment import VERSION, ApprovalStart, ApprovalStarted
from passmuster_server.devices import approvals
from passmuster_server.devices.approvals import DOOR, LETTERS, forget_expired, new_user_code
from passmuster_server.privacy.laptops import may_read
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.openid_provider import OpenIdProvider, Visitor, server_with_provider, visiting
from tests.support.signing_device import SigningDevice
from tests.support.signing_device import post as send

ENROL = "/enroll"
FINISH = "/api/v1/enrolment/finish"
Running = tuple[ClockedServer, OpenIdProvider]
FIELD = re.compile(r'name="form_token" value="([^"]+)"')
_names = (f"worker{number}" for number in range(1000))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with server_with_provider(tmp_path_factory.mktemp("server"), enrolment="at_once") as found:
        yield found


@pytest.fixture
def server(running: Running) -> ClockedServer:
    return running[0]


@pytest.fixture
def provider(running: Running) -> OpenIdProvider:
    return running[1]


@pytest.fixture
def client(server: ClockedServer) -> Iterator[httpx.Client]:
    with server.client() as opened:
        yield opened


@pytest.fixture
def name(provider: OpenIdProvider) -> str:
    """The provider's name of a worker who has no account for the console."""
    name = next(_names)
    provider.know(name)
    return name


@pytest.fixture
def worker(server: ClockedServer, name: str) -> Iterator[Visitor]:
    with visiting(server.url, name) as opened:
        yield opened


class Asking:
    """A laptop that asks to be approved."""

    def __init__(
        self, server: ClockedServer, client: httpx.Client, owner: str | None = None
    ) -> None:
        self.client = client
        self.device = SigningDevice(server.url)
        self.challenge = self.device.begin(client)
        asked = ApprovalStart(VERSION, self.challenge.enrolment, owner)
        answer = send(client, "/api/v1/enrolment/approval", asked)
        assert answer.status_code == 200, answer.text
        self.shown = codec.decode(ApprovalStarted, answer.json())

    def poll(self) -> httpx.Response:
        """Ask whether somebody has approved."""
        finish = self.device.finish_message(self.challenge, self.shown.code, None)
        return send(self.client, FINISH, finish)

    def told(self) -> str:
        """Return the server's word for what came of asking once."""
        answer = self.poll()
        return "enrolled" if answer.status_code == 200 else str(answer.json()["code"])


def post(worker: Visitor, page: httpx.Response, action: str, **fields: str) -> httpx.Response:
    found = FIELD.search(page.text)
    assert found, page.text
    return worker.server.post(action, data={"form_token": found[1], **fields})


def look(worker: Visitor, code: str) -> httpx.Response:
    """Sign in and type a code."""
    return post(worker, worker.follow(ENROL + "/sign-in"), ENROL, code=code)


def approve(worker: Visitor, code: str, **answer: str) -> httpx.Response:
    page = look(worker, code)
    return post(worker, page, ENROL + "/answer", code=code, **(answer or {"approve": "yes"}))


def alert(page: httpx.Response) -> str:
    found = re.search(r'role="alert">\s*(?:<h2>)?([^<]+)<', page.text)
    return found[1] if found else ""


def audited(server: ClockedServer, person: str) -> list[tuple[Any, ...]]:
    return server.rows(
        "SELECT action, actor FROM audit_entries WHERE person = ? ORDER BY number", person
    )


def test_a_worker_sees_what_asks_and_makes_it_theirs(
    server: ClockedServer, client: httpx.Client, worker: Visitor, name: str
) -> None:
    laptop = Asking(server, client)
    assert laptop.told() == "authorization_pending"
    page = look(worker, laptop.shown.user_code.lower().replace("-", " "))
    start = laptop.device.start_message()
    for shown in (
        start.computer_name,
        start.system,
        laptop.device.public_key.fingerprint(),
        f"{name}@example.com",
    ):
        assert shown in page.text
    assert laptop.told() == "slow_down", "expected nothing to be approved by looking"
    done = approve(worker, laptop.shown.user_code)
    assert "This laptop is yours now" in done.text
    with server.later(timedelta(seconds=30)):
        enrolled = laptop.poll()
    assert (enrolled.status_code, enrolled.json()["owner"]) == (200, f"{name}@example.com")
    assert "waits" not in enrolled.json()
    assert audited(server, f"{name}@example.com") == [
        ("enrolment.approved", DOOR),
        ("device.enrolled", "sign-in approval"),
    ]


def test_a_worker_turns_down_what_is_not_theirs(
    server: ClockedServer, client: httpx.Client, worker: Visitor, name: str
) -> None:
    laptop = Asking(server, client)
    page = approve(worker, laptop.shown.user_code, turn_down="yes")
    assert "was turned down" in page.text
    assert laptop.told() == "access_denied"
    assert audited(server, f"{name}@example.com") == [("enrolment.denied", DOOR)]


def test_an_answer_counts_once(
    server: ClockedServer, client: httpx.Client, worker: Visitor
) -> None:
    laptop = Asking(server, client)
    approve(worker, laptop.shown.user_code, turn_down="yes")
    page = look(worker, laptop.shown.user_code)
    assert (page.status_code, "No laptop shows this code" in alert(page)) == (403, True)
    assert laptop.told() == "access_denied"


def test_an_approved_laptop_enrols_once(
    server: ClockedServer, client: httpx.Client, worker: Visitor
) -> None:
    laptop = Asking(server, client)
    approve(worker, laptop.shown.user_code)
    first, again = laptop.poll(), laptop.poll()
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.content == first.content, "who missed the answer gets it again, and no other one"
    device = str(first.json()["device"])
    enrolled = server.rows("SELECT count(*) FROM audit_entries WHERE subject = ?", device)
    assert enrolled == [(1,)]
    with server.later(timedelta(minutes=15)):
        assert laptop.poll().status_code == 400


def test_a_code_is_good_for_ten_minutes(
    server: ClockedServer, client: httpx.Client, worker: Visitor
) -> None:
    laptop = Asking(server, client)
    with server.later(timedelta(minutes=10)):
        assert look(worker, laptop.shown.user_code).status_code == 403
        assert laptop.told() == "expired_token"


def test_who_asks_too_often_is_told_to_slow_down_and_loses_no_try(
    server: ClockedServer, client: httpx.Client, worker: Visitor
) -> None:
    laptop = Asking(server, client)
    told = [laptop.told() for _ in range(7)]
    assert told == ["authorization_pending"] + ["slow_down"] * 6
    with server.later(timedelta(seconds=5)):
        assert laptop.told() == "authorization_pending"
    approve(worker, laptop.shown.user_code)
    assert laptop.told() == "enrolled"


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[ClockedServer]:
    """A server whose provider does not answer: laptops ask all the same."""
    settings = OpenIdProvider(cast(Any, None), "http://127.0.0.1:9").settings(tmp_path)
    with clocked_server(tmp_path / "server", openid={**settings, "enrolment": "waits"}) as running:
        yield running


def test_asking_too_often_writes_nothing_and_counts_as_guessing(
    alone: ClockedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with alone.client() as client:
        laptop = Asking(alone, client)
        assert laptop.told() == "authorization_pending"
        # However long these tries take here: they come too soon.
        monkeypatch.setattr(approvals, "INTERVAL_S", 3_600)
        noted = alone.rows("SELECT polled_at FROM enrolment_approvals")
        told = [laptop.told() for _ in range(21)]
        assert told == ["slow_down"] * 20 + ["too_many_tries"]
        assert alone.rows("SELECT polled_at FROM enrolment_approvals") == noted


def test_the_codes_of_one_laptop_are_no_use_to_another(
    server: ClockedServer, client: httpx.Client, worker: Visitor
) -> None:
    laptop, thief = Asking(server, client), Asking(server, client)
    approve(worker, laptop.shown.user_code)
    stolen = thief.device.finish_message(thief.challenge, laptop.shown.code, None)
    answer = send(client, FINISH, stolen)
    assert (answer.status_code, answer.json()["code"]) == (403, "code_wrong")
    assert laptop.told() == "enrolled"


def test_a_laptop_that_names_its_owner_is_theirs_alone_to_approve(
    server: ClockedServer, client: httpx.Client, worker: Visitor, name: str
) -> None:
    others = Asking(server, client, owner="ben@example.com")
    page = look(worker, others.shown.user_code)
    assert (page.status_code, "another person" in alert(page)) == (403, True)
    page = post(worker, page, ENROL + "/answer", code=others.shown.user_code, approve="yes")
    assert page.status_code == 403
    assert others.told() == "authorization_pending"
    own = Asking(server, client, owner=f"{name.upper()}@example.com")
    approve(worker, own.shown.user_code)
    assert own.told() == "enrolled"


def test_what_asks_from_another_network_is_marked_and_waits_for_it(
    server: ClockedServer, client: httpx.Client, worker: Visitor
) -> None:
    laptop = Asking(server, client)
    server.change("UPDATE enrolment_approvals SET network = ?", "203.0.113.9")
    page = look(worker, laptop.shown.user_code)
    assert alert(page) == "It asks from another network than this browser"
    page = post(worker, page, ENROL + "/answer", code=laptop.shown.user_code, approve="yes")
    assert "Until IT has approved it as well" in page.text
    assert laptop.poll().json()["waits"] is True


def test_what_comes_from_nobody_knows_where_waits_for_it(
    server: ClockedServer, worker: Visitor
) -> None:
    """Behind a proxy that is not trusted every laptop and browser has the proxy's address."""
    server.stop()
    before = dict(server.settings)
    server.settings |= {"behind_proxy": True, "public_url": server.url}
    server.start()
    try:
        with server.client() as client:
            laptop = Asking(server, client)
            page = look(worker, laptop.shown.user_code)
            assert alert(page) == "", "expected nothing to be said of what is not known"
            page = post(worker, page, ENROL + "/answer", code=laptop.shown.user_code, approve="yes")
            assert "Until IT has approved it as well" in page.text
            assert laptop.poll().json()["waits"] is True
    finally:
        server.stop()
        server.settings = before
        server.start()


def test_without_a_second_factor_it_waits_for_it(
    server: ClockedServer,
    client: httpx.Client,
    worker: Visitor,
    name: str,
    provider: OpenIdProvider,
) -> None:
    provider.know(name, amr=("pwd",))
    laptop = Asking(server, client)
    assert "Until IT has approved it as well" in approve(worker, laptop.shown.user_code).text
    assert laptop.poll().json()["waits"] is True


@pytest.mark.parametrize(("amr", "reads"), [(("mfa",), True), (("pwd",), False)])
def test_whoever_the_provider_vouched_for_reads_what_is_stored_of_them_at_the_laptop(
    server: ClockedServer,
    client: httpx.Client,
    worker: Visitor,
    name: str,
    provider: OpenIdProvider,
    amr: tuple[str, ...],
    reads: bool,
) -> None:
    provider.know(name, amr=amr)
    laptop, owner = Asking(server, client), f"{name}@example.com"
    approve(worker, laptop.shown.user_code)
    device = laptop.poll().json()["device"]

    def may() -> bool:
        return server.services.database.write_now(
            lambda transaction: may_read(
                transaction.connection, DEFAULT_ORGANISATION, device, owner
            )
        )

    assert may() is reads
    if not reads:
        server.command("approve", device)
        assert may(), "expected the approval of IT to be enough"


def test_who_logged_in_too_long_ago_signs_in_again(
    server: ClockedServer, client: httpx.Client, worker: Visitor
) -> None:
    """The provider's `auth_time` is by its own clock, which is not ahead."""
    laptop = Asking(server, client)
    with server.later(timedelta(minutes=18)):
        page = worker.follow(ENROL + "/sign-in")
        assert (page.status_code, "too long ago" in alert(page)) == (403, True)
        assert "Sign in with your organisation" in page.text
    with server.later(timedelta(minutes=14)):
        page = worker.follow(ENROL + "/sign-in")
        assert page.status_code == 200
    with server.later(timedelta(minutes=18)):
        page = post(worker, page, ENROL, code=laptop.shown.user_code)
        assert (page.status_code, "too long ago" in alert(page)) == (403, True)


def test_right_codes_are_no_guesses_and_many_at_once_are_as_many(
    server: ClockedServer, client: httpx.Client, worker: Visitor
) -> None:
    laptop = Asking(server, client)
    page = worker.follow(ENROL + "/sign-in")
    for _ in range(11):
        assert post(worker, page, ENROL, code=laptop.shown.user_code).status_code == 200
    with ThreadPoolExecutor(20) as threads:
        tried = threads.map(lambda _: post(worker, page, ENROL, code=new_user_code()), range(40))
        statuses = [answer.status_code for answer in tried]
    assert statuses.count(403) == 10
    assert statuses.count(429) == 30


def test_guessing_codes_ends_after_ten_tries_for_whoever_guesses(
    server: ClockedServer, client: httpx.Client, worker: Visitor, provider: OpenIdProvider
) -> None:
    laptop = Asking(server, client)
    page = worker.follow(ENROL + "/sign-in")
    answers = [post(worker, page, ENROL, code=new_user_code()) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [403] * 10 + [429]
    assert look(worker, laptop.shown.user_code).status_code == 429
    provider.know("somebody-else")
    with visiting(server.url, "somebody-else") as other:
        assert look(other, laptop.shown.user_code).status_code == 200


def test_nobody_looks_at_a_laptop_before_signing_in(
    server: ClockedServer, client: httpx.Client
) -> None:
    laptop = Asking(server, client)
    with visiting(server.url, "nobody") as visitor:
        page = visitor.server.get(ENROL)
        assert "Sign in with your organisation" in page.text
        answer = visitor.server.post(ENROL, data={"code": laptop.shown.user_code})
        assert (answer.status_code, answer.headers["location"]) == (303, ENROL)


def test_another_sites_form_approves_nothing(
    server: ClockedServer, client: httpx.Client, worker: Visitor
) -> None:
    laptop = Asking(server, client)
    page = look(worker, laptop.shown.user_code)
    worker.server.headers["Origin"] = "https://evil.example.com"
    answer = post(worker, page, ENROL + "/answer", code=laptop.shown.user_code, approve="yes")
    assert answer.status_code == 403
    assert laptop.told() == "authorization_pending"


def test_who_has_no_verified_address_owns_no_laptop(
    worker: Visitor, name: str, provider: OpenIdProvider
) -> None:
    provider.know(name, email_verified=False)
    page = worker.follow(ENROL + "/sign-in")
    assert (page.status_code, "does not vouch" in alert(page)) == (403, True)


def test_a_worker_who_signed_in_here_is_not_signed_in_to_the_console(worker: Visitor) -> None:
    worker.follow(ENROL + "/sign-in")
    page = worker.follow("/sign-in/openid/arrived")
    assert page.url.path == "/sign-in"
    assert worker.server.get("/fleet").status_code == 401


def test_no_code_is_kept(server: ClockedServer, client: httpx.Client) -> None:
    laptop = Asking(server, client)
    stored = server.stored()
    for code in (laptop.shown.code, laptop.shown.user_code):
        assert code.encode() not in stored
        assert code.replace("-", "").encode() not in stored


def test_what_nobody_answered_is_forgotten(server: ClockedServer, client: httpx.Client) -> None:
    Asking(server, client, owner="forgotten@example.com")
    found = server.rows("SELECT owner FROM enrolment_approvals WHERE owner IS NOT NULL")
    assert ("forgotten@example.com",) in found
    database = server.services.database
    later = server.now() + timedelta(minutes=10)
    database.write_now(lambda each: forget_expired(each.connection, later, 1000))
    assert server.rows("SELECT owner FROM enrolment_approvals") == []


def test_the_short_code_has_eight_letters_that_make_no_words() -> None:
    codes = {new_user_code() for _ in range(100)}
    assert len(codes) == 100
    for code in codes:
        assert re.fullmatch(rf"[{LETTERS}]{{4}}-[{LETTERS}]{{4}}", code)
    assert not set("AEIOUY0123456789") & set(LETTERS)


def test_a_server_without_this_door_says_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    with (
        clocked_server(tmp_path_factory.mktemp("plain")) as server,
        server.client() as client,
    ):
        answer = client.post("/api/v1/enrolment/approval", json={})
        assert (answer.status_code, answer.json()["code"]) == (403, "no_sign_in")
        assert client.get(ENROL).status_code == 404
