"""A browser proves on which device it is, over HTTP, with a laptop that signs."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from passmuster_collectors.contract.attestation import ATTESTATION_TYPE, PORTS
from passmuster_server.proof import service
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_laptops import enrolled, healthy
from tests.support.proving import WANT, Visitor, attestation
from tests.support.signing_device import SigningDevice


def is_refused(response: httpx.Response, code: str) -> bool:
    assert response.status_code == 403, response.text
    return f"<code>{code}</code>" in response.text


def test_a_browser_at_the_laptop_is_known_to_be_there(
    visitor: Visitor, laptop: SigningDevice, client: httpx.Client
) -> None:
    assert visitor.who() == {"device": None}
    back = visitor.bring(attestation(laptop, client, visitor.want()))
    assert (back.status_code, back.headers["location"]) == (303, "/test/who")
    assert visitor.who() == {
        "device": laptop.device,
        "owner": "ana@example.com",
        "proof": "loopback",
    }


def test_the_page_waits_for_the_proof_and_then_leads_back(
    visitor: Visitor, laptop: SigningDevice, client: httpx.Client
) -> None:
    summons = visitor.want()
    state = f"{visitor.visit}/state"
    assert visitor.client.get(state).json() == {"state": "waiting"}
    visitor.bring(attestation(laptop, client, summons))
    assert visitor.client.get(state).json() == {"state": "proven"}
    led = visitor.client.get(f"{visitor.visit}/back", params={"port": str(PORTS[1])})
    assert led.headers["location"] == "/test/who"
    again = visitor.client.get(WANT)
    assert again.headers["location"].startswith(f"http://127.0.0.1:{PORTS[1]}/attest?c="), (
        "the port is remembered, and the browser goes there at once"
    )
    assert visitor.client.get(WANT).headers["location"].startswith("/proof/"), (
        "where nobody answered any more, the page helps"
    )


def test_the_session_is_set_before_the_browser_goes_to_the_laptop(visitor: Visitor) -> None:
    cookie = visitor.client.get(WANT).headers["set-cookie"]
    assert cookie.startswith("passmuster_browser=")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


def test_without_a_proof_the_browser_can_go_back_all_the_same(visitor: Visitor) -> None:
    visitor.want()
    assert visitor.client.get(f"{visitor.visit}/back").headers["location"] == "/test/who"
    assert visitor.who() == {"device": None}


def test_a_relayed_answer_is_refused_in_any_other_browser(
    new_visitor: Callable[[], Visitor], laptop: SigningDevice, client: httpx.Client
) -> None:
    attacker, victim = new_visitor(), new_visitor()
    victim.want()
    token = attestation(laptop, client, attacker.want())
    assert is_refused(victim.bring(token), "another_browser")
    assert is_refused(new_visitor().bring(token), "another_browser"), "one without a cookie"
    assert victim.who() == attacker.who() == {"device": None}


def test_an_answer_counts_once(
    visitor: Visitor, laptop: SigningDevice, client: httpx.Client
) -> None:
    token = attestation(laptop, client, visitor.want())
    assert visitor.bring(token).status_code == 303
    assert is_refused(visitor.bring(token), "used")


def test_an_answer_that_comes_after_a_minute_is_refused(
    server: ClockedServer, visitor: Visitor, laptop: SigningDevice, client: httpx.Client
) -> None:
    token = attestation(laptop, client, visitor.want())
    with server.later(timedelta(seconds=61)):
        assert is_refused(visitor.bring(token), "expired")
    with server.later(timedelta(minutes=11)):
        assert is_refused(visitor.bring(token), "unknown_challenge")


def test_a_new_challenge_takes_the_place_of_the_one_before(
    visitor: Visitor, laptop: SigningDevice, client: httpx.Client
) -> None:
    token = attestation(laptop, client, visitor.want())
    visitor.client.get(visitor.visit)
    assert is_refused(visitor.bring(token), "unknown_challenge")


def test_an_answer_rests_on_a_report_that_came_after_the_question(
    visitor: Visitor, laptop: SigningDevice, client: httpx.Client
) -> None:
    old = attestation(laptop, client, visitor.want(), report=False)
    assert is_refused(visitor.bring(old), "no_fresh_report")
    ahead = attestation(laptop, client, visitor.want(), sequence=laptop.sequence + 2)
    assert is_refused(visitor.bring(ahead), "no_fresh_report"), "of a report that never came"


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"audience": "another-server"}, "another_server"),
        ({"origin": "https://passmuster.example.org"}, "another_server"),
        ({"session": "a" * 43}, "another_browser"),
        ({"challenge": "a" * 43}, "unknown_challenge"),
    ],
)
def test_what_is_signed_for_something_else_is_refused(
    visitor: Visitor,
    laptop: SigningDevice,
    client: httpx.Client,
    other: dict[str, Any],
    code: str,
) -> None:
    token = attestation(laptop, client, visitor.want(), **other)
    assert is_refused(visitor.bring(token), code)
    assert visitor.who() == {"device": None}


def test_only_the_enrolled_key_signs(
    server: ClockedServer, visitor: Visitor, laptop: SigningDevice, client: httpx.Client
) -> None:
    other = enrolled(server, client, "bo@example.com", healthy())
    visitor.want()
    other.enrolled = laptop.enrolled
    forged = other.signed(b"{}", kind=ATTESTATION_TYPE)
    assert is_refused(visitor.bring(forged), "bad_signature")
    for nonsense in ("", "a.b.c", "x" * 5000, "é"):
        assert is_refused(visitor.bring(nonsense), "malformed")


def test_a_laptop_of_another_organisation_is_refused(tmp_path: Path, visitor: Visitor) -> None:
    with clocked_server(tmp_path / "theirs") as theirs, theirs.client() as reports:
        foreign = enrolled(theirs, reports, "eve@example.org")
        summons = visitor.want()
        with pytest.raises(Exception, match="not this organisation's"):
            attestation(foreign, reports, summons)


def test_a_laptop_out_of_service_proves_nothing(
    server: ClockedServer, visitor: Visitor, laptop: SigningDevice, client: httpx.Client
) -> None:
    token = attestation(laptop, client, visitor.want())
    server.command("revoke", laptop.device)
    assert is_refused(visitor.bring(token), "out_of_service")


def test_a_page_is_shown_to_the_browser_that_began_and_to_nobody_else(
    new_visitor: Callable[[], Visitor],
) -> None:
    mine, other = new_visitor(), new_visitor()
    mine.want()
    other.want()
    for path in (mine.visit, f"{mine.visit}/state", f"{mine.visit}/back"):
        assert other.client.get(path).status_code == 404


def test_a_browser_that_changed_its_address_has_to_prove_anew(
    server: ClockedServer, visitor: Visitor, laptop: SigningDevice, client: httpx.Client
) -> None:
    visitor.bring(attestation(laptop, client, visitor.want()))
    assert visitor.who()["device"] == laptop.device
    server.change("UPDATE browser_sessions SET address = ?", "192.0.2.7")
    assert visitor.who() == {"device": None}

    token = attestation(laptop, client, visitor.want())
    server.change("UPDATE proof_visits SET address = ?", "192.0.2.7")
    assert is_refused(visitor.bring(token), "another_address")


def test_a_proof_is_over_after_a_working_day(
    server: ClockedServer, visitor: Visitor, laptop: SigningDevice, client: httpx.Client
) -> None:
    visitor.bring(attestation(laptop, client, visitor.want()))
    with server.later(timedelta(hours=11)):
        assert visitor.who()["device"] == laptop.device
    with server.later(timedelta(hours=13)):
        assert visitor.who() == {"device": None}


def test_one_from_a_clock_that_ran_ahead_is_none(
    server: ClockedServer, visitor: Visitor, laptop: SigningDevice, client: httpx.Client
) -> None:
    """Else it would count until that time has come."""
    with server.later(timedelta(hours=1)):
        visitor.bring(attestation(laptop, client, visitor.want()))
        assert visitor.who()["device"] == laptop.device
    assert visitor.who() == {"device": None}


def test_one_address_can_not_fill_the_store(
    new_visitor: Callable[[], Visitor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MAX_WAITING", 0)
    response = new_visitor().client.get(WANT)
    assert response.status_code == 503
    assert response.json()["code"] == "overloaded"


def test_nothing_that_a_browser_holds_is_stored(
    server: ClockedServer, visitor: Visitor, laptop: SigningDevice, client: httpx.Client
) -> None:
    visitor.bring(attestation(laptop, client, visitor.want()))
    cookie = visitor.client.cookies["passmuster_browser"]
    assert cookie.encode() not in server.stored()


@pytest.mark.parametrize(
    "path", ["//evil.example", "/\\evil.example", "https://evil.example", "", "/a b", "/\r\nX: y"]
)
def test_a_way_back_that_leads_elsewhere_is_none(path: str) -> None:
    assert not service.is_own_path(path)


def test_a_way_back_may_have_a_query() -> None:
    assert service.is_own_path("/gate/continue?application=helpdesk&to=%2Ftickets")
