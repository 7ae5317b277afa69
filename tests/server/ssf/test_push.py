"""Push delivery (RFC 8935) to a receiver that is written from the specifications."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_laptops import ONLY_USB, enrolled, healthy, with_usb_stick
from tests.support.signal_receiver import (
    COMPLIANCE_CHANGE,
    SESSION_REVOKED,
    VERIFICATION,
    Checker,
    Receiver,
    Signal,
    listening,
)
from tests.support.signal_transmitter import Subscriber, subscriber
from tests.support.signing_device import SigningDevice

CREDENTIAL = "Bearer what-the-receiver-gave-us"


@dataclass
class Stage:
    server: ClockedServer
    client: httpx.Client
    names: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def laptop(self, owner: str = "ana@example.com") -> SigningDevice:
        return enrolled(self.server, self.client, owner, healthy())

    def subscriber(self, receiver: Receiver) -> Subscriber:
        made = subscriber(
            self.server, self.client, f"receiver-{next(self.names)}", "--push", receiver.url
        )
        receiver.checker = Checker(self.server.url, made.client_id)
        return made

    def falls_out(self, laptop: SigningDevice) -> None:
        laptop.report(self.client, with_usb_stick())

    def is_mended(self, laptop: SigningDevice) -> None:
        laptop.report(self.client, healthy())


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("server")
    with clocked_server(folder, policy=ONLY_USB) as server, server.client() as client:
        yield Stage(server, client)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as found:
        yield found


def test_a_laptop_that_falls_out_and_comes_back_is_told_in_order(
    stage: Stage, receiver: Receiver
) -> None:
    made = stage.subscriber(receiver)
    receiver.credential = CREDENTIAL
    stream = made.create_push(receiver.url, CREDENTIAL)
    laptop = stage.laptop()
    stage.falls_out(laptop)
    stage.is_mended(laptop)
    receiver.wait_for(lambda: len(receiver.signals) == 4)
    kinds = [each.type for each in receiver.signals]
    assert kinds == [COMPLIANCE_CHANGE, COMPLIANCE_CHANGE, SESSION_REVOKED, COMPLIANCE_CHANGE]
    assert receiver.statuses(laptop.device) == ["compliant", "not-compliant", "compliant"]
    fallen, revoked = receiver.signals[1:3]
    assert fallen.subject["user"] == {"format": "email", "email": "ana@example.com"}
    assert fallen.subject == revoked.subject
    assert "IT has not approved" in fallen.content["reason_user"]["en"]
    assert "usb_devices" in revoked.content["reason_admin"]["en"]
    assert len({each.jti for each in receiver.signals}) == 4
    made.delete(stream)


def test_a_laptop_that_it_revokes_is_not_compliant(stage: Stage, receiver: Receiver) -> None:
    made = stage.subscriber(receiver)
    stream = made.create_push(receiver.url, events_requested=[COMPLIANCE_CHANGE])
    laptop = stage.laptop()
    receiver.wait_for(lambda: receiver.statuses(laptop.device) == ["compliant"])
    stage.server.command("revoke", laptop.device)
    receiver.wait_for(lambda: receiver.statuses(laptop.device)[1:] == ["not-compliant"])
    assert receiver.signals[-1].content["initiating_entity"] == "admin"
    assert {each.type for each in receiver.signals} == {COMPLIANCE_CHANGE}, (
        "only what was requested"
    )
    made.delete(stream)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("email", {"format": "email", "email": "bo@example.com"}),
        ("iss_sub", {"format": "iss_sub", "iss": "ISSUER", "sub": "bo@example.com"}),
        ("opaque", {"format": "opaque", "id": "DEVICE"}),
    ],
)
def test_the_receiver_chooses_how_it_is_told_who(
    stage: Stage, receiver: Receiver, form: str, expected: dict[str, str]
) -> None:
    made = stage.subscriber(receiver)
    stream = made.create_push(receiver.url, format=form)
    laptop = stage.laptop("bo@example.com")
    receiver.wait_for(lambda: len(receiver.signals) == 1)
    names = {"ISSUER": stage.server.url, "DEVICE": laptop.device}
    assert receiver.signals[0].subject == {
        name: names.get(value, value) for name, value in expected.items()
    }
    made.delete(stream)


def test_verification_brings_the_state_back(stage: Stage, receiver: Receiver) -> None:
    made = stage.subscriber(receiver)
    stream = made.create_push(receiver.url)
    asked = {"stream_id": stream["stream_id"], "state": "a-state \u00e9"}
    assert made.request("POST", "/ssf/verify", json=asked).status_code == 204
    receiver.wait_for(lambda: len(receiver.signals) == 1)
    (signal,) = receiver.signals
    assert (signal.type, signal.content) == (VERIFICATION, {"state": "a-state \u00e9"})
    assert signal.subject == {"format": "opaque", "id": stream["stream_id"]}
    again = made.request("POST", "/ssf/verify", json=asked)
    assert again.status_code == 429
    assert int(again.headers["Retry-After"]) > 0
    made.delete(stream)


def test_a_receiver_that_is_away_gets_all_of_it_in_order_later(
    stage: Stage, receiver: Receiver
) -> None:
    made = stage.subscriber(receiver)
    away = True
    receiver.answer = lambda _, __: (503, "") if away else (202, "")
    stream = made.create_push(receiver.url, events_requested=[COMPLIANCE_CHANGE])
    laptop = stage.laptop()
    receiver.wait_for(lambda: receiver.pushes > 0)
    stage.falls_out(laptop)
    stage.is_mended(laptop)
    assert receiver.signals == []
    away = False
    receiver.wait_for(lambda: len(receiver.signals) == 3)
    assert receiver.statuses(laptop.device) == ["compliant", "not-compliant", "compliant"]
    made.delete(stream)


def test_a_refused_event_is_not_sent_again_and_holds_up_none(
    stage: Stage, receiver: Receiver
) -> None:
    made = stage.subscriber(receiver)
    refused: list[str] = []

    def answer(_: Receiver, signal: Signal) -> tuple[int, str]:
        if not refused or signal.jti in refused:
            refused.append(signal.jti)
            return 400, "invalid_request"
        return 202, ""

    receiver.answer = answer
    stream = made.create_push(receiver.url, events_requested=[COMPLIANCE_CHANGE])
    laptop = stage.laptop()
    stage.falls_out(laptop)
    receiver.wait_for(lambda: len(receiver.signals) == 1)
    assert len(refused) == 1, "it was sent again"
    ((why,),) = stage.server.rows_in_time(
        1,
        "SELECT refusal FROM ssf_outbox WHERE jti = ? AND refused_at IS NOT NULL",
        refused[0],
    )
    assert why == "invalid_request"
    made.delete(stream)


def test_a_wrong_credential_can_be_mended_without_a_loss(stage: Stage, receiver: Receiver) -> None:
    made = stage.subscriber(receiver)
    receiver.credential = CREDENTIAL
    stream = made.create_push(receiver.url, "Bearer mistyped", events_requested=[COMPLIANCE_CHANGE])
    laptop = stage.laptop()
    receiver.wait_for(lambda: receiver.pushes > 0)
    change: dict[str, Any] = {
        "stream_id": stream["stream_id"],
        "delivery": {**stream["delivery"], "authorization_header": CREDENTIAL},
    }
    assert made.request("PATCH", "/ssf/stream", json=change).status_code == 200
    receiver.wait_for(lambda: receiver.statuses(laptop.device) == ["compliant"])
    made.delete(stream)


def test_a_paused_stream_holds_its_events_and_a_disabled_one_has_none(
    stage: Stage, receiver: Receiver
) -> None:
    made = stage.subscriber(receiver)
    stream = made.create_push(receiver.url, events_requested=[COMPLIANCE_CHANGE])
    made.set_status(stream, "paused")
    laptop = stage.laptop()
    stage.falls_out(laptop)
    made.set_status(stream, "enabled")
    receiver.wait_for(lambda: len(receiver.signals) == 2)
    assert receiver.statuses(laptop.device) == ["compliant", "not-compliant"]
    made.set_status(stream, "disabled")
    stage.is_mended(laptop)
    made.set_status(stream, "enabled")
    stage.falls_out(laptop)
    receiver.wait_for(lambda: len(receiver.signals) == 3)
    assert receiver.statuses(laptop.device)[2:] == ["not-compliant"]
    made.delete(stream)


def test_a_subject_that_was_removed_is_not_told_until_it_is_added(
    stage: Stage, receiver: Receiver
) -> None:
    made = stage.subscriber(receiver)
    stream = made.create_push(receiver.url, events_requested=[COMPLIANCE_CHANGE])
    subject = {"format": "email", "email": "Cy@example.com"}
    change = {"stream_id": stream["stream_id"], "subject": subject}
    assert made.request("POST", "/ssf/subjects:remove", json=change).status_code == 204
    quiet, other = stage.laptop("cy@example.com"), stage.laptop("di@example.com")
    receiver.wait_for(lambda: receiver.statuses(other.device) == ["compliant"])
    assert receiver.statuses(quiet.device) == []
    assert made.request("POST", "/ssf/subjects:add", json=change).status_code == 200
    stage.falls_out(quiet)
    receiver.wait_for(lambda: receiver.statuses(quiet.device) == ["not-compliant"])
    made.delete(stream)


def test_a_revoked_receiver_hears_no_more(stage: Stage, receiver: Receiver) -> None:
    made = stage.subscriber(receiver)
    made.create_push(receiver.url, events_requested=[COMPLIANCE_CHANGE])
    laptop = stage.laptop()
    receiver.wait_for(lambda: len(receiver.signals) == 1)
    name = f"receiver-{next(stage.names) - 1}"
    stage.server.command("gate-client", name, "--revoke")
    with listening() as other:
        following = stage.subscriber(other)
        stream = following.create_push(other.url, events_requested=[COMPLIANCE_CHANGE])
        stage.falls_out(laptop)
        other.wait_for(lambda: len(other.signals) == 1)
        following.delete(stream)
    assert len(receiver.signals) == 1


def test_one_receiver_that_hangs_holds_up_no_other(stage: Stage, receiver: Receiver) -> None:
    slow = stage.subscriber(receiver)
    receiver.answer = lambda _, __: (500, "")
    stuck = slow.create_push(receiver.url)
    with listening() as other:
        made = stage.subscriber(other)
        stream = made.create_push(other.url, events_requested=[COMPLIANCE_CHANGE])
        laptop = stage.laptop()
        other.wait_for(lambda: other.statuses(laptop.device) == ["compliant"])
        made.delete(stream)
    slow.delete(stuck)


def test_the_credential_is_told_to_the_receiver_alone(stage: Stage, receiver: Receiver) -> None:
    made = stage.subscriber(receiver)
    stream = made.create_push(receiver.url, CREDENTIAL)
    found = made.request("GET", f"/ssf/stream?stream_id={stream['stream_id']}")
    assert CREDENTIAL not in found.text
    assert CREDENTIAL not in str(stream)
    if stage.server.log.exists():
        assert CREDENTIAL not in stage.server.log.read_text()
    made.delete(stream)
