"""A browser shows a number, and a laptop that signs confirms it: over HTTP."""

import dataclasses
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest

from passmuster_collectors.contract import attestation as loopback
from passmuster_collectors.contract import confirmation
from passmuster_server.proof.confirmations import MISTAKES
from tests.support.clocked_server import ClockedServer
from tests.support.confirming import another_number_shown_to, ask, confirm, number_shown_to
from tests.support.example_laptops import enrolled, healthy
from tests.support.proving import Visitor, attestation
from tests.support.signing_device import SigningDevice


def is_refused(response: httpx.Response, code: str, status: int = 403) -> bool:
    assert response.status_code == status, response.text
    return bool(response.json()["code"] == code)


def test_a_browser_goes_on_once_its_number_was_confirmed_at_the_laptop(
    visitor: Visitor, laptop: SigningDevice, client: httpx.Client
) -> None:
    number = number_shown_to(visitor, person="ana@example.com")
    state = f"{visitor.visit}/state"
    assert visitor.client.get(state).json() == {"state": "waiting"}
    asked = ask(laptop, client, number)
    assert visitor.who() == {"device": None}, "asking is not agreeing"
    told = asked.json()
    assert (told["application"], told["person"]) == ("helpdesk", "ana@example.com")
    assert (told["address"], told["same_address"]) == ("127.0.0.1", True)
    assert 0 <= told["age_s"] <= confirmation.LIFETIME_S
    assert confirm(laptop, client, asked).status_code == 200
    assert visitor.client.get(state).json() == {"state": "proven"}
    assert visitor.client.get(f"{visitor.visit}/back").headers["location"] == "/test/who"
    assert visitor.who() == {
        "device": laptop.device,
        "owner": "ana@example.com",
        "proof": "number",
    }


def test_the_browser_that_showed_the_number_goes_on_and_no_other(
    new_visitor: Callable[[], Visitor], laptop: SigningDevice, client: httpx.Client
) -> None:
    mine, other = new_visitor(), new_visitor()
    number = number_shown_to(mine)
    number_shown_to(other)
    assert other.client.get(f"{mine.visit}/number").status_code == 404
    assert confirm(laptop, client, ask(laptop, client, number)).status_code == 200
    assert mine.who()["device"] == laptop.device
    assert other.who() == {"device": None}


def test_a_number_of_somebody_elses_sign_in_can_not_be_confirmed(
    visitor: Visitor, laptop: SigningDevice, client: httpx.Client
) -> None:
    """The second browser of a relay: it signs in as its victim, who owns no such laptop."""
    number = number_shown_to(visitor, person="bo@example.com")
    assert is_refused(ask(laptop, client, number), "unknown_number")
    assert visitor.who() == {"device": None}


def test_a_number_that_is_made_for_nobody_in_particular_lets_in_as_the_laptops_owner(
    visitor: Visitor, laptop: SigningDevice, client: httpx.Client
) -> None:
    asked = ask(laptop, client, number_shown_to(visitor))
    assert asked.json()["person"] == ""
    confirm(laptop, client, asked)
    assert visitor.who()["owner"] == "ana@example.com"


def test_of_two_laptops_the_first_that_confirms_counts(
    server: ClockedServer, visitor: Visitor, laptop: SigningDevice, client: httpx.Client
) -> None:
    second = enrolled(server, client, "ana@example.com", healthy())
    number = number_shown_to(visitor)
    asked_first, asked_second = ask(laptop, client, number), ask(second, client, number)
    assert confirm(second, client, asked_second).status_code == 200
    assert is_refused(confirm(laptop, client, asked_first), "unknown_number")
    assert visitor.who()["device"] == second.device


def test_a_number_counts_once(
    visitor: Visitor, laptop: SigningDevice, client: httpx.Client
) -> None:
    number = number_shown_to(visitor)
    asked = ask(laptop, client, number)
    assert confirm(laptop, client, asked).status_code == 200
    assert is_refused(confirm(laptop, client, asked), "unknown_number")
    assert is_refused(ask(laptop, client, number), "unknown_number")


def test_a_number_is_over_after_three_minutes(
    server: ClockedServer, visitor: Visitor, laptop: SigningDevice, client: httpx.Client
) -> None:
    number = number_shown_to(visitor)
    asked = ask(laptop, client, number)
    with server.later(timedelta(seconds=confirmation.LIFETIME_S + 1)):
        assert is_refused(ask(laptop, client, number), "unknown_number")
        assert is_refused(confirm(laptop, client, asked), "unknown_number")
    assert visitor.who() == {"device": None}


def test_another_number_takes_the_place_of_the_one_before(
    visitor: Visitor, laptop: SigningDevice, client: httpx.Client
) -> None:
    first = number_shown_to(visitor)
    asked = ask(laptop, client, first)
    second = another_number_shown_to(visitor)
    assert is_refused(confirm(laptop, client, asked), "unknown_number")
    assert is_refused(ask(laptop, client, first), "unknown_number")
    assert ask(laptop, client, second).status_code == 200


def test_a_confirmation_rests_on_a_report_that_came_after_the_number(
    visitor: Visitor, laptop: SigningDevice, client: httpx.Client
) -> None:
    asked = ask(laptop, client, number_shown_to(visitor))
    assert is_refused(confirm(laptop, client, asked, report=False), "no_fresh_report")
    assert visitor.who() == {"device": None}


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"audience": "another-server"}, "another_server"),
        ({"origin": "https://passmuster.example.org"}, "another_server"),
        ({"session": "a" * 43}, "unknown_number"),
        ({"challenge": "a" * 43}, "unknown_number"),
        ({"number": "00000000"}, "unknown_number"),
    ],
)
def test_what_is_signed_for_something_else_is_refused(
    visitor: Visitor,
    laptop: SigningDevice,
    client: httpx.Client,
    other: dict[str, Any],
    code: str,
) -> None:
    asked = ask(laptop, client, number_shown_to(visitor))
    assert is_refused(confirm(laptop, client, asked, **other), code)
    assert visitor.who() == {"device": None}


def test_a_signature_for_one_way_is_none_for_the_other(
    visitor: Visitor, laptop: SigningDevice, client: httpx.Client
) -> None:
    asked = ask(laptop, client, number_shown_to(visitor))
    other = confirm(laptop, client, asked, kind=loopback.ATTESTATION_TYPE)
    assert is_refused(other, "malformed", 400)

    # Even what is signed for the number's own challenge opens nothing when the browser brings it.
    summons = visitor.want()
    number = another_number_shown_to(visitor)
    told = ask(laptop, client, number).json()
    token = attestation(
        laptop, client, summons, challenge=told["challenge"], session=told["session"]
    )
    brought = visitor.bring(token)
    assert "unknown_challenge" in brought.text
    assert visitor.who() == {"device": None}


def test_only_the_enrolled_key_of_a_laptop_in_service_confirms(
    server: ClockedServer, visitor: Visitor, laptop: SigningDevice, client: httpx.Client
) -> None:
    asked = ask(laptop, client, number_shown_to(visitor))
    other = enrolled(server, client, "bo@example.com", healthy())
    other.enrolled = laptop.enrolled
    assert is_refused(confirm(other, client, asked, report=False, sequence=1), "bad_signature")
    laptop.report(client, healthy())
    server.command("revoke", laptop.device)
    assert is_refused(confirm(laptop, client, asked, report=False), "out_of_service")
    assert is_refused(ask(laptop, client, asked.json()["number"]), "out_of_service")


def test_a_laptop_that_tries_numbers_has_to_wait(
    server: ClockedServer, visitor: Visitor, laptop: SigningDevice, client: httpx.Client
) -> None:
    number = number_shown_to(visitor)
    wrong = f"{(int(number) + 1) % 10**8:08}"
    for _ in range(MISTAKES):
        assert is_refused(ask(laptop, client, wrong), "unknown_number")
    refused = ask(laptop, client, number)
    assert is_refused(refused, "too_many_tries", 429)
    assert int(refused.headers["retry-after"]) > 0
    other = enrolled(server, client, "ana@example.com", healthy())
    assert ask(other, client, number).status_code == 200, "another laptop is not held up by it"


def test_no_more_numbers_are_tried_for_all_coming_at_once(
    visitor: Visitor, laptop: SigningDevice, client: httpx.Client
) -> None:
    number = number_shown_to(visitor)
    wrong = [f"{(int(number) + each) % 10**8:08}" for each in range(1, 31)]
    with ThreadPoolExecutor(len(wrong)) as together:
        answers = list(together.map(lambda each: ask(laptop, client, each), wrong))
    codes = Counter(each.json()["code"] for each in answers)
    assert codes == {"unknown_number": MISTAKES, "too_many_tries": len(wrong) - MISTAKES}


def test_only_mistakes_hold_a_laptop_up(
    visitor: Visitor, laptop: SigningDevice, client: httpx.Client
) -> None:
    visitor.want()
    for _ in range(MISTAKES + 1):
        asked = ask(laptop, client, another_number_shown_to(visitor))
        assert is_refused(confirm(laptop, client, asked, report=False), "no_fresh_report")
    asked = ask(laptop, client, another_number_shown_to(visitor))
    assert confirm(laptop, client, asked).status_code == 200


def test_numbers_that_wait_are_never_pushed_to_a_laptop(
    new_visitor: Callable[[], Visitor], laptop: SigningDevice, client: httpx.Client
) -> None:
    """Nobody can be pestered into agreeing: what a laptop hears is the same as ever."""
    before = laptop.report(client, healthy())
    for _ in range(3):
        number_shown_to(new_visitor(), person="ana@example.com")
    after = laptop.report(client, healthy())
    assert dataclasses.replace(after, nonce=before.nonce, judged_at=before.judged_at) == before


def test_a_browser_that_changed_its_address_gets_no_number(
    server: ClockedServer, visitor: Visitor
) -> None:
    visitor.want()
    server.change("UPDATE proof_visits SET address = ?", "192.0.2.7")
    page = visitor.client.get(f"{visitor.visit}/number")
    assert (page.status_code, "another_address" in page.text) == (403, True)


def test_the_laptop_is_told_where_a_browser_is_that_comes_from_elsewhere(
    server: ClockedServer, visitor: Visitor, laptop: SigningDevice, client: httpx.Client
) -> None:
    number = number_shown_to(visitor)
    server.change("UPDATE proof_visits SET address = ?", "192.0.2.7")
    told = ask(laptop, client, number).json()
    assert (told["address"], told["same_address"]) == ("192.0.2.7", False)
    server.change("UPDATE proof_visits SET address_known = NULL")
    assert ask(laptop, client, number).json()["same_address"] is None
