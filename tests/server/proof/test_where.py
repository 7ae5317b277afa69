"""Where policy wants a browser to be where its laptop is: what counts, and what is kept."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.confirming import ask, confirm, number_shown_to
from tests.support.example_laptops import ONLY_USB, enrolled, healthy
from tests.support.proving import Visitor, add_door, attestation
from tests.support.signing_device import SigningDevice

ELSEWHERE, UNKNOWN = "'another'", "NULL"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClockedServer]:
    folder: Path = tmp_path_factory.mktemp("server")
    with clocked_server(folder, policy=f'addresses = "same"\n{ONLY_USB}') as running:
        add_door(running)
        yield running


def test_a_browser_where_its_laptop_is_proves_it(
    visitor: Visitor, laptop: SigningDevice, client: httpx.Client
) -> None:
    assert visitor.bring(attestation(laptop, client, visitor.want())).status_code == 303
    assert visitor.who()["proof"] == "loopback"


@pytest.mark.parametrize("where", [ELSEWHERE, UNKNOWN])
def test_one_that_is_elsewhere_or_nobody_knows_where_does_not(
    server: ClockedServer,
    visitor: Visitor,
    laptop: SigningDevice,
    client: httpx.Client,
    where: str,
) -> None:
    token = attestation(laptop, client, visitor.want())
    server.change(f"UPDATE contacts SET address_code = {where}")  # noqa: S608 - the test's own
    assert visitor.bring(token).status_code == 303
    assert visitor.who()["proof"] == "elsewhere"
    assert visitor.client.get("/my-laptops").text.count(laptop.device) == 0


def test_a_browser_whose_own_address_is_not_known_does_not(
    server: ClockedServer, visitor: Visitor, laptop: SigningDevice, client: httpx.Client
) -> None:
    token = attestation(laptop, client, visitor.want())
    server.change("UPDATE proof_visits SET address_known = NULL")
    visitor.bring(token)
    assert visitor.who()["proof"] == "elsewhere"


def test_a_number_counts_by_where_it_was_confirmed(
    server: ClockedServer, visitor: Visitor, laptop: SigningDevice, client: httpx.Client
) -> None:
    confirm(laptop, client, ask(laptop, client, number_shown_to(visitor)))
    assert visitor.who()["proof"] == "number"
    asked = ask(laptop, client, number_shown_to(visitor))
    server.change("UPDATE proof_visits SET address_known = NULL")
    confirm(laptop, client, asked)
    assert visitor.who()["proof"] == "elsewhere"


def test_where_policy_does_not_ask_nothing_is_kept_of_where_a_laptop_is(tmp_path: Path) -> None:
    with clocked_server(tmp_path, policy=ONLY_USB) as server, server.client() as client:
        add_door(server)
        laptop, visitor = enrolled(server, client, "ana@example.com", healthy()), Visitor(client)
        visitor.bring(attestation(laptop, client, visitor.want()))
        assert visitor.who()["proof"] == "loopback"
        assert server.rows("SELECT address_code FROM contacts") == [(None,)]


def test_what_is_kept_is_no_address(
    server: ClockedServer, laptop: SigningDevice, client: httpx.Client
) -> None:
    laptop.report(client, healthy())
    ((code,),) = server.rows("SELECT address_code FROM contacts WHERE device_id = ?", laptop.device)
    assert len(code) == 43
    assert "127" not in code
