"""What Traefik and Envoy send by their documents, answered as their documents want it."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import httpx
import pytest

from passmuster_server.gate.decision import Question
from passmuster_server.gate.recorder import DecisionRecorder
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_laptops import ONLY_USB, enrolled, healthy, with_usb_stick
from tests.support.proving import attestation, summons_on
from tests.support.signing_device import SigningDevice

HOST = "helpdesk.example.com"
WINDOW = {"Sec-Fetch-Mode": "navigate", "Accept": "text/html"}


@dataclass
class Door:
    """One proxy's way to ask; the browser behind it keeps its cookies in `client`."""

    server: ClockedServer
    client: httpx.Client
    token: str
    dialect: str

    def ask(
        self, path: str, method: str = "GET", address: str = "192.0.2.7", **headers: str
    ) -> httpx.Response:
        sent = {**WINDOW, **headers}
        if self.dialect == "traefik":
            sent |= {
                "X-Passmuster-Token": self.token,
                "X-Forwarded-Method": method,
                "X-Forwarded-Proto": "https",
                "X-Forwarded-Host": HOST,
                "X-Forwarded-Uri": path,
                "X-Forwarded-For": f"203.0.113.9, {address}",
            }
            target = "/gate/traefik?application=helpdesk&person_from=Remote-Email"
            return self.client.get(target, headers={"Remote-Email": "ana@example.com", **sent})
        sent |= {
            "Authorization": f"Bearer {self.token}",
            "X-Passmuster-Application": "helpdesk",
            "X-Passmuster-Subject": "ana@example.com",
            "Host": HOST,
            "X-Forwarded-Proto": "https",
            "X-Forwarded-For": f"203.0.113.9,{address}",
        }
        return self.client.request(method, f"/gate/envoy{path}", headers=sent)

    def begin(self, laptop: SigningDevice) -> httpx.Response:
        """Open /tickets/7 for the first time; return what the proxy hands to the browser."""
        started = self.ask("/tickets/7?a=b")
        assert started.status_code == 303
        start = started.headers["location"]
        assert start.startswith(f"{self.server.url}/gate/start?r=")
        page = self.client.get(self.client.get(start).headers["location"])
        token = attestation(laptop, self.client, summons_on(page.text))
        back = self.client.get("/proof/return", params={"a": token})
        ticket = self.client.get(back.headers["location"]).headers["location"]
        assert ticket.startswith(f"https://{HOST}/.passmuster/return?ticket=")
        return self.ask(ticket.removeprefix(f"https://{HOST}"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClockedServer]:
    with clocked_server(tmp_path_factory.mktemp("server"), policy=ONLY_USB) as running:
        yield running


@pytest.fixture(params=["traefik", "envoy"])
def door(server: ClockedServer, request: pytest.FixtureRequest) -> Iterator[Door]:
    name = f"{request.param}-{request.node.name}"[:60]
    made = server.command("gate-client", name, "--application", "helpdesk", "--host", HOST)
    with server.client() as client:
        yield Door(server, client, made.stdout.split()[-1], request.param)


@pytest.fixture
def laptop(server: ClockedServer, door: Door) -> SigningDevice:
    return enrolled(server, door.client, "ana@example.com", healthy())


def test_the_way_in_and_out_again(door: Door, laptop: SigningDevice) -> None:
    back = door.begin(laptop)
    assert back.status_code == 303
    assert back.headers["location"] == f"https://{HOST}/tickets/7?a=b"
    allowed = door.ask("/tickets/7?a=b")
    assert (allowed.status_code, allowed.content) == (200, b"")
    assert allowed.headers["x-passmuster-subject"] == "ana@example.com"
    assert door.ask("/reply", "POST").status_code == 200
    laptop.report(door.client, with_usb_stick())
    denied = door.ask("/tickets/7")
    assert denied.status_code == 403
    assert "IT has not approved" in denied.text


def test_a_request_that_was_denied_stays_out_though_the_laptop_recovers_meanwhile(
    door: Door, laptop: SigningDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    door.begin(laptop)
    laptop.report(door.client, with_usb_stick())
    look_up = DecisionRecorder.question_of

    async def slowly(recorder: DecisionRecorder, decision: str) -> tuple[Question, datetime] | None:
        def recover() -> None:
            with door.server.client() as another:
                laptop.report(another, healthy())

        await asyncio.to_thread(recover)
        return await look_up(recorder, decision)

    monkeypatch.setattr(DecisionRecorder, "question_of", slowly)
    denied = door.ask("/tickets/7")
    assert denied.status_code == 403, "a proxy lets in whatever is answered with 200"
    assert "x-passmuster-subject" not in denied.headers


def test_the_address_that_counts_is_the_one_that_the_proxy_wrote_itself(
    door: Door, laptop: SigningDevice
) -> None:
    door.begin(laptop)
    assert door.ask("/").status_code == 200
    assert door.ask("/", address="192.0.2.8").status_code == 303


def test_a_form_or_a_script_is_told_and_not_led_away(door: Door) -> None:
    assert door.ask("/reply", "POST").status_code == 403
    assert door.ask("/api", **{"Sec-Fetch-Mode": "cors"}).status_code == 403
    assert door.ask("/live", Upgrade="websocket").status_code == 403


def test_the_person_who_signed_in_and_the_laptops_owner_have_to_be_one(
    server: ClockedServer, door: Door
) -> None:
    other = enrolled(server, door.client, "bo@example.com", healthy())
    started = door.ask("/")
    page = door.client.get(door.client.get(started.headers["location"]).headers["location"])
    token = attestation(other, door.client, summons_on(page.text))
    back = door.client.get("/proof/return", params={"a": token})
    refused = door.client.get(back.headers["location"])
    assert refused.status_code == 403
    assert "bo@example.com" not in refused.text
