"""A real nginx, with the documented configuration, in front of a small helpdesk."""

import itertools
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import unquote

import httpx
import pytest

from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_laptops import ONLY_USB, enrolled, healthy, with_usb_stick
from tests.support.nginx import Nginx, running_application, running_nginx
from tests.support.signing_device import SigningDevice


@dataclass(frozen=True)
class Person:
    email: str
    password: str = "a password with spaces"

    @property
    def sign_in(self) -> tuple[str, str]:
        return (self.email, self.password)


@dataclass
class Site:
    server: ClockedServer
    nginx: Nginx
    client: httpx.Client
    token: str
    people: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def person(self) -> Person:
        """Return somebody new who can sign in to the helpdesk."""
        person = Person(f"worker{next(self.people)}@example.com")
        self.nginx.add_person(*person.sign_in)
        return person

    def visit(self, who: Person | None, path: str = "/", **headers: str) -> httpx.Response:
        return httpx.get(
            self.nginx.url + path,
            auth=None if who is None else who.sign_in,
            headers=headers,
            trust_env=False,
            timeout=20,
        )

    def laptop(self, owner: Person, *, passes: bool) -> SigningDevice:
        readings = healthy() if passes else with_usb_stick()
        return enrolled(self.server, self.client, owner.email, readings)

    def decisions(self, person: Person, number: int) -> list[bool]:
        """Return what is on record about a person, in order, once there is so much of it."""
        found = self.server.rows_in_time(
            number,
            "SELECT allowed FROM decisions WHERE subject = ? ORDER BY decided_at",
            person.email,
        )
        return [bool(allowed) for (allowed,) in found]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    with (
        clocked_server(folder / "server", policy=ONLY_USB, contact="it@example.com") as server,
        server.client() as client,
        running_application() as application,
    ):
        token = server.gate_token("nginx-helpdesk")
        with running_nginx(
            folder / "nginx", passmuster=server.port, application=application, token=token
        ) as nginx:
            yield Site(server, nginx, client, token)


@pytest.fixture
def ana(site: Site) -> Person:
    return site.person()


@pytest.fixture
def bo(site: Site) -> Person:
    return site.person()


def is_let_in(response: httpx.Response) -> bool:
    assert response.status_code in {200, 403}, f"{response.status_code}: {response.text}"
    arrived = response.text == "Welcome to the helpdesk"
    assert arrived == (response.status_code == 200)
    return arrived


def test_the_gate_follows_the_laptop(site: Site, ana: Person) -> None:
    laptop = site.laptop(ana, passes=False)
    assert not is_let_in(site.visit(ana)), "a laptop with an unknown stick"

    laptop.report(site.client, healthy())
    assert is_let_in(site.visit(ana)), "the stick is unplugged"

    with site.server.later(timedelta(hours=1, seconds=5)):
        assert not is_let_in(site.visit(ana)), "not heard from for longer than policy allows"

        laptop.report(site.client, healthy())
        assert is_let_in(site.visit(ana)), "heard again"


def test_the_blocked_page_is_shown_in_place_of_the_one_they_wanted(site: Site, ana: Person) -> None:
    site.laptop(ana, passes=False)
    response = site.visit(ana, "/tickets?open=1")
    assert response.status_code == 403
    assert response.url.path == "/tickets", "nobody is sent elsewhere"
    text = response.text
    assert "You can't open <bdi>helpdesk</bdi> yet" in text
    assert "IT has not approved" in text
    assert '<a class="button primary" href="">Check again</a>' in text
    assert "it@example.com" in text
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert response.headers["cache-control"] == "no-store"


def test_a_form_that_is_sent_while_blocked_gets_the_page_too(site: Site, ana: Person) -> None:
    site.laptop(ana, passes=False)
    response = httpx.post(
        site.nginx.url, auth=ana.sign_in, data={"text": "hello"}, trust_env=False, timeout=20
    )
    assert response.status_code == 403
    assert "Check again" in response.text


def test_a_person_without_a_laptop_is_kept_out_and_told_what_to_do(site: Site, bo: Person) -> None:
    response = site.visit(bo)
    assert not is_let_in(response)
    assert "No laptop is registered for you." in response.text


def test_the_person_is_the_one_who_signed_in_and_nobody_whom_a_browser_names(
    site: Site, ana: Person, bo: Person
) -> None:
    laptop = site.laptop(ana, passes=True)
    site.laptop(bo, passes=False)
    assert is_let_in(site.visit(ana))
    spoofed = site.visit(
        bo,
        **{
            "X-Passmuster-Subject": ana.email,
            "X-Passmuster-Application": "anything",
            "X-Passmuster-Device": laptop.device,
            "X-Passmuster-Decision": "0" * 24,
        },
    )
    assert not is_let_in(spoofed)
    assert "IT has not approved" in spoofed.text, "the page is about somebody else's laptop"
    assert site.decisions(ana, 1) == [True]
    assert site.decisions(bo, 1) == [False]


def test_a_browser_can_not_bring_a_token_of_its_own(site: Site, ana: Person) -> None:
    site.laptop(ana, passes=True)
    response = site.visit(
        None, Authorization=f"Bearer {site.token}", **{"X-Passmuster-Subject": ana.email}
    )
    assert response.status_code == 401, "the token of a caller is no sign-in"


def test_who_is_not_signed_in_is_not_asked_about(site: Site, ana: Person, bo: Person) -> None:
    for each in (ana, bo):
        site.laptop(each, passes=True)
    assert site.visit(None).status_code == 401
    assert site.visit(Person(ana.email, "wrong")).status_code == 401
    assert is_let_in(site.visit(bo))
    # Decisions are stored in their order: one about her would be there as well.
    assert site.decisions(bo, 1) == [True]
    assert site.decisions(ana, 0) == [], "a decision about somebody who never proved who they are"


def test_every_answer_is_on_record(site: Site, ana: Person) -> None:
    laptop = site.laptop(ana, passes=False)
    site.visit(ana)
    laptop.report(site.client, healthy())
    site.visit(ana)
    assert site.decisions(ana, 2) == [False, True]


def test_the_gate_is_closed_while_passmuster_is_down(site: Site, ana: Person) -> None:
    site.laptop(ana, passes=True)
    assert is_let_in(site.visit(ana))
    site.server.stop()
    try:
        assert site.visit(ana).status_code == 500
    finally:
        site.server.start()
    assert is_let_in(site.visit(ana))


def test_the_applications_own_refusals_stay_its_own(site: Site, ana: Person) -> None:
    site.laptop(ana, passes=True)
    response = site.visit(ana, "/forbidden")
    assert response.status_code == 403
    assert response.text == "Welcome to the helpdesk"


def ask(site: Site, who: Person, **headers: str) -> httpx.Response:
    sent = {
        "Authorization": f"Bearer {site.token}",
        "X-Passmuster-Subject": who.email,
        "X-Passmuster-Application": "helpdesk",
        **headers,
    }
    return site.client.get("/gate/nginx", headers={k: v for k, v in sent.items() if v})


def test_the_door_itself_answers_in_headers(site: Site, ana: Person) -> None:
    laptop = site.laptop(ana, passes=False)
    denied = ask(site, ana)
    assert denied.status_code == 403
    assert denied.content == b""
    assert re.fullmatch(r"[A-Za-z0-9_-]{24}", denied.headers["X-Passmuster-Decision"])
    assert "IT has not approved" in unquote(denied.headers["X-Passmuster-Reason"])
    laptop.report(site.client, healthy())
    allowed = ask(site, ana, **{"X-Passmuster-Device": laptop.device})
    assert allowed.status_code == 204
    assert "X-Passmuster-Reason" not in allowed.headers


@pytest.mark.parametrize("missing", ["X-Passmuster-Subject", "X-Passmuster-Application"])
def test_a_missing_header_is_named(site: Site, missing: str) -> None:
    response = ask(site, Person("ana@example.com"), **{missing: ""})
    assert response.status_code == 400
    assert response.json()["field"] == missing


def test_a_caller_without_a_token_is_refused(site: Site) -> None:
    response = ask(site, Person("ana@example.com"), Authorization="")
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "headers",
    [
        [(b"X-Passmuster-Subject", b"a" * 255)],
        [(b"X-Passmuster-Subject", b"\xff@example.com")],
        [(b"X-Passmuster-Subject", "ana\u202e@example.com".encode())],
        [
            (b"X-Passmuster-Subject", b"ana@example.com"),
            (b"X-Passmuster-Subject", b"bo@example.com"),
        ],
    ],
    ids=["too long", "not UTF-8", "hidden mark", "twice"],
)
def test_a_subject_that_is_no_name_is_refused(
    site: Site, headers: list[tuple[bytes, bytes]]
) -> None:
    response = site.client.get(
        "/gate/nginx",
        headers=[
            (b"Authorization", f"Bearer {site.token}".encode()),
            (b"X-Passmuster-Application", b"helpdesk"),
            *headers,
        ],
    )
    assert response.status_code == 400
    assert response.json()["field"] == "X-Passmuster-Subject"


def test_a_wrong_token_is_an_error_of_nginx_and_no_open_door(site: Site, ana: Person) -> None:
    """Comes last: it takes nginx's token away."""
    site.laptop(ana, passes=True)
    assert is_let_in(site.visit(ana))
    site.server.command("gate-client", "nginx-helpdesk", "--revoke")
    deadline = time.monotonic() + 30
    while site.visit(ana).status_code == 200:
        assert time.monotonic() < deadline, "a revoked token still opens the door after 30 s"
        time.sleep(0.1)
    response = site.visit(ana)
    assert response.status_code == 500
    assert "WWW-Authenticate" not in response.headers, "it would ask the visitor for a password"
