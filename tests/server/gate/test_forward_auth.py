"""Real proxies with the documented configurations: a session that begins with a proof."""

import base64
import html
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
import pytest

from passmuster_collectors.contract.canonical import base64url
from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.gate.callers import GateClient
from passmuster_server.gate.decision import Question
from passmuster_server.gate.service import Answer, GateService
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support.caddy import running_caddy
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.console import wait_until
from tests.support.example_laptops import ONLY_USB, enrolled, healthy, with_usb_stick
from tests.support.nginx import running_application, running_nginx
from tests.support.proving import attestation, summons_on
from tests.support.running_server import free_port
from tests.support.signing_device import SigningDevice
from tests.support.tools import REPOSITORY

DOCUMENT = REPOSITORY / "docs" / "sso" / "forward-auth.md"
WINDOW = {"Sec-Fetch-Mode": "navigate", "Accept": "text/html"}
PATIENCE_S = 20.0


@dataclass
class Site:
    server: ClockedServer
    reports: httpx.Client
    proxy: str
    """The address of the application, behind the proxy."""
    token: str

    def laptop(self, owner: str = "ana@example.com", *, passes: bool = True) -> SigningDevice:
        readings = healthy() if passes else with_usb_stick()
        return enrolled(self.server, self.reports, owner, readings)

    def wait_until_closed(self, laptop: SigningDevice) -> None:
        """Wait until what the laptop's fall closed is on record."""
        deadline = time.monotonic() + PATIENCE_S
        statement = "SELECT ended_at FROM gate_sessions WHERE device_id = ? AND ended_at IS NULL"
        while self.server.rows(statement, laptop.device):
            assert time.monotonic() < deadline, "its sessions are still open"
            time.sleep(0.05)


@dataclass
class Visitor:
    """A browser's cookies and manners. It follows no redirect by itself."""

    site: Site
    client: httpx.Client = field(default_factory=lambda: httpx.Client(trust_env=False, timeout=20))

    def go(self, url: str, **headers: str) -> httpx.Response:
        """Let a window go somewhere."""
        full = url if "://" in url else self.site.proxy + url
        return self.client.get(full, headers={**WINDOW, **headers})

    def follow(self, response: httpx.Response) -> httpx.Response:
        """Follow one redirect."""
        assert response.status_code == 303, f"{response.status_code}: {response.text[:500]}"
        return self.go(response.headers["location"])

    def open(self, path: str, laptop: SigningDevice | None, **report: bool) -> httpx.Response:
        """Open a page of the application for the first time, proving the laptop on the way."""
        response = self.follow(self.go(path))
        if response.headers.get("location", "").startswith("/proof/"):
            response = self._on(response)
            assert response.status_code == 200, response.text
            assert laptop is not None
            token = attestation(laptop, self.site.reports, summons_on(response.text), **report)
            response = self.go(f"{self.site.server.url}/proof/return?a={token}")
        return self.finish(response)

    def finish(self, response: httpx.Response) -> httpx.Response:
        """Follow what is left of the way."""
        for _ in range(5):
            if response.status_code != 303:
                return response
            response = self._on(response)
        raise AssertionError("the way does not end")

    def _on(self, response: httpx.Response) -> httpx.Response:
        target = response.headers["location"]
        return self.go(target if "://" in target else self.site.server.url + target)


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    folder: Path = tmp_path_factory.mktemp("site")
    port = free_port()
    with ExitStack() as stack:
        server = stack.enter_context(
            clocked_server(folder / "server", policy=ONLY_USB, contact="it@example.com")
        )
        client = stack.enter_context(server.client())
        application = stack.enter_context(running_application())
        token = server.command(
            *("gate-client", "proxy", "--application", "helpdesk"),
            *("--host", f"127.0.0.1:{port}"),
        ).stdout.split()[-1]
        ports = {"passmuster": server.port, "application": application, "port": port}
        if request.param == "nginx":
            stack.enter_context(
                running_nginx(folder / "proxy", token=token, document=DOCUMENT, **ports)
            )
        else:
            stack.enter_context(running_caddy(folder / "proxy", token=token, **ports))
        yield Site(server, client, f"http://127.0.0.1:{port}", token)


@pytest.fixture
def new_visitor(site: Site) -> Iterator[Callable[[], Visitor]]:
    opened: list[Visitor] = []

    def new() -> Visitor:
        opened.append(Visitor(site))
        return opened[-1]

    yield new
    for each in opened:
        each.client.close()


@pytest.fixture
def visitor(new_visitor: Callable[[], Visitor]) -> Visitor:
    return new_visitor()


def is_let_in(response: httpx.Response) -> bool:
    assert response.status_code in {200, 303, 403}, f"{response.status_code}: {response.text}"
    return response.status_code == 200 and response.text == "Welcome to the helpdesk"


def test_a_first_visit_leads_to_the_proof_and_back_to_the_page_first_asked_for(
    site: Site, visitor: Visitor
) -> None:
    laptop = site.laptop()
    arrived = visitor.open("/tickets/7?from=mail&x=%2F", laptop)
    assert is_let_in(arrived)
    assert str(arrived.url) == f"{site.proxy}/tickets/7?from=mail&x=%2F"
    assert arrived.headers["x-who"] == "ana@example.com", "the application is told who it is"
    assert arrived.headers["x-token-seen"] == "False", "the application sees the proxy's token"
    assert is_let_in(visitor.go("/other"))
    cookie = visitor.client.cookies["passmuster_gate"]
    assert laptop.device not in cookie


def test_a_long_address_comes_back_whole_and_one_that_is_too_long_leads_to_the_first_page(
    site: Site, new_visitor: Callable[[], Visitor]
) -> None:
    laptop = site.laptop()
    path = "/search?q=" + "a" * 1_480
    assert str(new_visitor().open(path, laptop).url) == site.proxy + path
    arrived = new_visitor().open(path + "a" * 600, laptop)
    assert is_let_in(arrived)
    assert urlsplit(str(arrived.url)).path == "/"


def test_a_blocked_worker_puts_it_right_and_continues_where_they_wanted_to_be(
    site: Site, visitor: Visitor
) -> None:
    laptop = site.laptop()
    assert is_let_in(visitor.open("/", laptop))
    laptop.report(site.reports, with_usb_stick())
    blocked = visitor.go("/tickets/7")
    assert blocked.status_code == 403
    assert "You can't open <bdi>helpdesk</bdi> yet" in blocked.text
    assert "IT has not approved" in blocked.text
    assert 'href="">Check again</a>' in blocked.text
    laptop.report(site.reports, healthy())
    site.wait_until_closed(laptop)
    again = visitor.go("/tickets/7")
    assert again.status_code == 303, "what the laptop's fall has closed stays closed"
    arrived = visitor.open("/tickets/7", laptop)
    assert is_let_in(arrived)
    assert str(arrived.url) == f"{site.proxy}/tickets/7"


def test_a_fall_while_a_session_is_being_opened_closes_it(
    site: Site, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the answer and what is written, which may wait for others' writes."""
    laptop, asked = site.laptop("eve@example.com"), GateService.ask_once
    standings = site.server.services.standings

    def falls_out_behind(service: GateService, client: GateClient, question: Question) -> Answer:
        monkeypatch.undo()
        answer = asked(service, client, question)
        there = standings.of_device(DEFAULT_ORGANISATION, laptop.device)
        assert there is not None
        assert answer.decision.allowed
        for change, verdict in enumerate((Verdict.NON_COMPLIANT, Verdict.COMPLIANT), 1):
            revision = there.revision + change
            standings.put(
                msgspec.structs.replace(
                    there, verdict=verdict, since=site.server.now(), revision=revision
                )
            )
        return answer

    monkeypatch.setattr(GateService, "ask_once", falls_out_behind)
    assert not is_let_in(visitor.open("/", laptop))
    assert is_let_in(visitor.open("/", laptop)), "proven anew"


def test_what_a_fall_has_closed_stays_closed_by_a_server_that_was_started_since(
    site: Site, visitor: Visitor
) -> None:
    laptop = site.laptop("max@example.com")
    assert is_let_in(visitor.open("/", laptop))
    laptop.report(site.reports, with_usb_stick())
    site.wait_until_closed(laptop)
    laptop.report(site.reports, healthy())
    site.server.stop()
    site.server.start()
    with site.server.client() as client:
        # Before it hears what others change, it answers nobody.
        wait_until(lambda: client.get("/readyz").status_code == 200)
    assert visitor.go("/").status_code == 303, "expected to prove the laptop anew"


def test_a_laptop_that_is_not_in_order_does_not_come_in_at_first(
    site: Site, visitor: Visitor
) -> None:
    laptop = site.laptop()
    response = visitor.follow(visitor.go("/"))
    page = visitor._on(response)
    token = attestation(laptop, site.reports, summons_on(page.text))
    laptop.report(site.reports, with_usb_stick())
    blocked = visitor.finish(visitor.go(f"{site.server.url}/proof/return?a={token}"))
    assert blocked.status_code == 403
    assert "IT has not approved" in blocked.text
    assert "/gate/start?r=" in blocked.text, "Check again leads on to the application"


def test_the_page_hears_within_a_moment_that_all_is_well_and_goes_on(
    site: Site, visitor: Visitor
) -> None:
    laptop = site.laptop("gus@example.com")
    page = visitor._on(visitor.follow(visitor.go("/tickets/9")))
    token = attestation(laptop, site.reports, summons_on(page.text))
    laptop.report(site.reports, with_usb_stick())
    blocked = visitor.finish(visitor.go(f"{site.server.url}/proof/return?a={token}"))
    (ready,) = re.findall(r'data-ready="([^"]*)"', html.unescape(blocked.text))
    assert visitor.go(site.server.url + ready).json() == {"ready": False}
    laptop.report(site.reports, healthy())
    deadline = time.monotonic() + 20
    while not visitor.go(site.server.url + ready).json()["ready"]:
        assert time.monotonic() < deadline, "the page would wait for ever"
        time.sleep(0.05)
    # What had fallen out is proven anew, which the page leads to by itself.
    assert 'data-go="/gate/start?r=' in blocked.text
    assert is_let_in(visitor.open("/tickets/9", laptop))
    assert visitor.go(f"{site.server.url}/gate/ready?r=made-up").status_code == 404


def test_of_two_laptops_the_one_counts_that_the_browser_is_on(
    site: Site, new_visitor: Callable[[], Visitor]
) -> None:
    good = site.laptop("dana@example.com")
    bad = site.laptop("dana@example.com", passes=False)
    at_the_good_one, at_the_bad_one = new_visitor(), new_visitor()
    assert is_let_in(at_the_good_one.open("/", good))
    page = at_the_bad_one._on(at_the_bad_one.follow(at_the_bad_one.go("/")))
    bad.report(site.reports, with_usb_stick())
    token = attestation(bad, site.reports, summons_on(page.text), report=False)
    back = at_the_bad_one.go(f"{site.server.url}/proof/return?a={token}")
    assert at_the_bad_one.finish(back).status_code == 403
    assert is_let_in(at_the_good_one.go("/")), "the other one's trouble is not this one's"


def test_who_proves_nothing_is_told_so(site: Site, visitor: Visitor) -> None:
    page = visitor.follow(visitor.go("/"))
    back = visitor.go(site.server.url + page.headers["location"] + "/back")
    refused = visitor.finish(back)
    assert refused.status_code == 403
    assert "You can't open <bdi>helpdesk</bdi> yet" in refused.text


def test_a_form_is_not_lost_silently(site: Site, visitor: Visitor) -> None:
    answer = visitor.client.post(f"{site.proxy}/reply", data={"text": "a long answer"})
    assert answer.status_code == 403
    assert "Send it again." in answer.text
    script = visitor.client.get(f"{site.proxy}/api", headers={"Sec-Fetch-Mode": "cors"})
    assert script.status_code == 403, "a script is not led to a page"
    assert is_let_in(visitor.open("/", site.laptop()))
    sent = visitor.client.post(f"{site.proxy}/reply", data={"text": "a long answer"})
    assert sent.text == "Welcome to the helpdesk"


def upgraded(site: Site, cookie: str) -> bytes:
    """Ask for another protocol, and say something in it; return all that comes back."""
    address = urlsplit(site.proxy)
    with socket.create_connection((address.hostname, address.port), 10) as stream:
        stream.settimeout(10)
        head = (
            f"GET /live HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: Upgrade\r\n"
            f"Upgrade: websocket\r\nSec-Fetch-Mode: websocket\r\nCookie: {cookie}\r\n\r\n"
        )
        stream.sendall(head.encode())
        found = stream.recv(4096)
        if b" 101 " in found.partition(b"\r\n")[0]:
            stream.sendall(b"hello\n")
            while not found.endswith(b"hello\n"):
                found += stream.recv(4096)
        return found


def test_a_websocket_opens_with_a_session_and_not_without(site: Site, visitor: Visitor) -> None:
    refused = upgraded(site, "")
    assert b" 403 " in refused.partition(b"\r\n")[0]
    visitor.open("/", site.laptop())
    opened = upgraded(site, f"passmuster_gate={visitor.client.cookies['passmuster_gate']}")
    assert b" 101 " in opened.partition(b"\r\n")[0], opened
    assert opened.endswith(b"hello\n")


def test_a_cookie_that_was_stolen_is_worth_nothing_from_another_address(
    site: Site, visitor: Visitor
) -> None:
    visitor.open("/", site.laptop())
    cookie = visitor.client.cookies["passmuster_gate"]
    thief = httpx.HTTPTransport(local_address="127.0.0.9")
    with httpx.Client(transport=thief, trust_env=False, timeout=20) as elsewhere:
        answer = elsewhere.get(
            site.proxy, headers={**WINDOW, "Cookie": f"passmuster_gate={cookie}"}
        )
    assert answer.status_code == 303
    assert "/gate/start?r=" in answer.headers["location"], "it has to prove its own laptop"
    assert is_let_in(visitor.go("/"))


@pytest.mark.parametrize("wrong", ["payload", "signature", "none", "nonsense"])
def test_a_cookie_that_was_made_up_counts_as_none(site: Site, visitor: Visitor, wrong: str) -> None:
    visitor.open("/", site.laptop())
    cookie = visitor.client.cookies["passmuster_gate"]
    head, payload, signature = cookie.split(".")
    forged = {
        "payload": f"{head}.{base64url(b'{}')}.{signature}",
        "signature": f"{head}.{payload}.{signature[::-1]}",
        "none": base64url(b'{"alg":"none"}') + f".{payload}.",
        "nonsense": "x" * 5000,
    }[wrong]
    with httpx.Client(trust_env=False, timeout=20) as other:
        headers = {**WINDOW, "Cookie": f"passmuster_gate={forged}"}
        assert other.get(site.proxy, headers=headers).status_code in {303, 400}


def test_what_a_browser_says_of_forwarding_is_not_believed(site: Site, visitor: Visitor) -> None:
    laptop = site.laptop("bo@example.com")
    arrived = visitor.open("/", laptop)
    assert is_let_in(arrived)
    spoofed = visitor.go(
        "/tickets",
        **{
            "X-Passmuster-Subject": "ana@example.com",
            "X-Passmuster-Application": "payroll",
            "X-Passmuster-Token": "passmuster_gate_wrong",
            "X-Passmuster-Address": "192.0.2.1",
            "X-Forwarded-Uri": "/.passmuster/return?ticket=x",
            "X-Forwarded-Host": "evil.example",
            "X-Forwarded-For": "192.0.2.1",
            "X-Forwarded-Method": "POST",
        },
    )
    assert is_let_in(spoofed), f"{spoofed.status_code} {spoofed.text}"
    assert spoofed.headers["x-who"] == "bo@example.com"


def test_a_browser_without_the_proxys_token_is_nobody_to_the_door(
    site: Site, visitor: Visitor
) -> None:
    for dialect in ("nginx", "traefik", "caddy", "envoy/"):
        answer = visitor.client.get(
            f"{site.server.url}/gate/{dialect}?application=helpdesk",
            headers={
                "X-Forwarded-Uri": "/",
                "X-Forwarded-Host": urlsplit(site.proxy).netloc,
                "X-Forwarded-Proto": "http",
            },
        )
        assert answer.status_code == 401


def test_an_address_on_the_way_tells_neither_the_person_nor_the_page(
    site: Site, visitor: Visitor
) -> None:
    """It stands in logs and histories: what belongs to us alone is sealed."""
    laptop = site.laptop("fred@example.com")
    secret = "/tickets/7?subject=an+illness"
    carried = visitor.go(secret).headers["location"]
    visitor.go(carried)
    ((back,),) = site.server.rows("SELECT back FROM proof_visits ORDER BY put_at DESC LIMIT 1")
    for address in (carried, back):
        (sealed,) = parse_qs(urlsplit(address).query)["r"]
        readable = [base64.urlsafe_b64decode(f"{part}===") for part in sealed.split(".")]
        assert not any(b"illness" in part for part in (address.encode(), *readable))
    opened = visitor.open(secret, laptop)
    assert (is_let_in(opened), opened.url.query) == (True, b"subject=an+illness")
    ((path,),) = site.server.rows(
        "SELECT path FROM gate_sessions WHERE device_id = ?", laptop.device
    )
    assert path == "", "the browser is there, and nobody needs to know where"


def test_a_page_that_was_never_reached_is_forgotten(site: Site, visitor: Visitor) -> None:
    laptop = site.laptop("gus@example.com")
    response = visitor.follow(visitor.go("/tickets/7"))
    token = attestation(laptop, site.reports, summons_on(visitor._on(response).text))
    back = visitor.go(f"{site.server.url}/proof/return?a={token}")
    assert "ticket=" in visitor._on(back).headers["location"]
    kept = "SELECT path FROM gate_sessions WHERE device_id = ?"
    assert site.server.rows(kept, laptop.device) == [("/tickets/7",)]
    with site.server.later(timedelta(minutes=2)):
        visitor.open("/elsewhere", site.laptop("hana@example.com"))
    assert set(site.server.rows(kept, laptop.device)) == {("",)}


def test_a_ticket_counts_once_and_for_the_browser_that_began(
    site: Site, new_visitor: Callable[[], Visitor]
) -> None:
    laptop = site.laptop()
    mine, other = new_visitor(), new_visitor()
    assert is_let_in(mine.open("/", laptop))
    mine.client.cookies.delete("passmuster_gate")
    started = mine.follow(mine.go("/again"))
    ticket = mine._on(started).headers["location"]
    assert "/.passmuster/return?ticket=" in ticket
    other.go("/")
    assert other.go(ticket).status_code == 403, "led into another browser, it opens nothing"
    assert is_let_in(mine.follow(mine.go(ticket)))
    assert mine.go(ticket).status_code == 403, "used"


def test_a_session_goes_on_by_itself_while_it_is_used_and_ends_with_the_day(
    site: Site, visitor: Visitor
) -> None:
    laptop = site.laptop()
    visitor.open("/", laptop)
    first = visitor.client.cookies["passmuster_gate"]
    for minutes in (6, 12, 18):
        with site.server.later(timedelta(minutes=minutes)):
            assert is_let_in(visitor.go("/"))
    assert visitor.client.cookies["passmuster_gate"] != first
    with site.server.later(timedelta(minutes=40)):
        assert visitor.go("/").status_code == 303, "not used for a quarter of an hour"
    with site.server.later(timedelta(hours=9)):
        laptop.report(site.reports, healthy())
        assert visitor.go("/").status_code == 303


def test_one_decision_is_on_record_for_a_session_and_one_for_each_change(
    site: Site, visitor: Visitor
) -> None:
    laptop = site.laptop("cleo@example.com")
    visitor.open("/", laptop)
    for _ in range(20):
        visitor.go("/picture.png")
    laptop.report(site.reports, with_usb_stick())
    for _ in range(5):
        visitor.go("/")
    deadline = time.monotonic() + PATIENCE_S
    wanted = "SELECT allowed, proof FROM decisions WHERE subject = ? ORDER BY decided_at"
    while len(found := site.server.rows(wanted, "cleo@example.com")) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert [(bool(allowed), proof) for allowed, proof in found] == [
        (True, "loopback"),
        (False, "loopback"),
    ]
    site.wait_until_closed(laptop)
    begun = "SELECT person, proof, ended_at FROM gate_sessions WHERE device_id = ?"
    ((person, proof, ended_at),) = site.server.rows(begun, laptop.device)
    assert (person, proof) == ("cleo@example.com", "loopback")
    assert ended_at is not None


def test_a_host_that_the_caller_does_not_stand_in_front_of_is_refused(site: Site) -> None:
    answer = site.reports.get(
        "/gate/caddy?application=helpdesk",
        headers={
            "Authorization": f"Bearer {site.token}",
            "X-Forwarded-Uri": "/",
            "X-Forwarded-Host": "evil.example",
            "X-Forwarded-Proto": "http",
            "X-Forwarded-For": "127.0.0.1",
        },
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "unknown_host")
