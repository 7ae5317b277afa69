"""A supplier's administrator sees the laptops of one group, and no sign of any other."""

import contextlib
import re
import secrets
from collections.abc import Iterator

import httpx
import pytest

from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_readings import healthy, with_stick
from tests.support.signing_device import SigningDevice

FIELD = re.compile(r'name="([^"]+)" value="([^"]+)"')
COUNT = re.compile(r'<span class="number">([0-9,]+)</span>')
OTHERS = ("olga", "Cebu", "Default", "Head office")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClockedServer]:
    with clocked_server(tmp_path_factory.mktemp("groups")) as running:
        for name in ("Manila", "Cebu"):
            running.command("group", "add", name, "--kind", "supplier")
        yield running


@pytest.fixture(scope="module")
def fleet(server: ClockedServer) -> dict[str, SigningDevice]:
    laptops = {}
    with server.client() as client:
        for owner, group, readings in (
            ("mia@example.com", "Manila", healthy()),
            ("olga1@example.com", "Cebu", with_stick()),
            ("olga2@example.com", "Default", healthy()),
        ):
            laptop = SigningDevice(server.url, computer_name=f"{owner.partition('@')[0]}-laptop")
            laptop.enroll(client, server.enroll_code(owner, "--group", group))
            laptop.report(client, readings)
            laptops[owner.partition("@")[0]] = laptop
    return laptops


@pytest.fixture(scope="module")
def supplier(server: ClockedServer, fleet: dict[str, SigningDevice]) -> Iterator[httpx.Client]:
    assert fleet
    with signed_in(server, "--group", "Manila") as client:
        yield client


@contextlib.contextmanager
def signed_in(server: ClockedServer, *arguments: str) -> Iterator[httpx.Client]:
    email = f"{secrets.token_hex(4)}@example.com"
    link = server.command("create-admin", "--email", email, *arguments).stdout.split()[-1]
    with server.client() as client:
        found = FIELD.search(client.get("/sign-in").text)
        assert found, "expected a form token on the page"
        response = client.post(
            "/sign-in",
            data={found[1]: found[2], "link": link},
            headers={"Origin": str(client.base_url).rstrip("/")},
        )
        assert response.status_code == 303, response.text
        yield client


def numbers(page: str) -> list[int]:
    return [int(number.replace(",", "")) for number in COUNT.findall(page)]


def test_the_fleet_and_its_counts_are_the_groups_own(supplier: httpx.Client) -> None:
    page = supplier.get("/fleet").text
    assert "mia@example.com" in page
    assert [other for other in OTHERS if other in page] == []
    assert numbers(page)[0] == 1
    assert sum(numbers(page)[1:]) == 1


@pytest.mark.parametrize(
    "address",
    [
        "/fleet?search=olga",
        "/fleet?group=default",
        "/fleet?group={cebu}",
        "/fleet?group={cebu}&search=olga&verdict=non_compliant",
        "/fleet?search={fingerprint}",
        "/fleet?verdict=non_compliant",
    ],
)
def test_no_address_shows_or_counts_the_laptops_of_another_group(
    server: ClockedServer, supplier: httpx.Client, fleet: dict[str, SigningDevice], address: str
) -> None:
    ((cebu,),) = server.rows("SELECT group_id FROM groups WHERE name = 'Cebu'")
    fingerprint = fleet["olga1"].public_key.fingerprint()
    page = supplier.get(address.format(cebu=cebu, fingerprint=fingerprint)).text
    shown = page.replace("“<bdi>olga</bdi>”", "").replace('value="olga"', "")
    assert "olga1" not in shown
    assert "olga2" not in shown
    assert max(numbers(page)) <= 1


def test_another_groups_laptop_is_as_if_it_were_not_there(
    supplier: httpx.Client, fleet: dict[str, SigningDevice]
) -> None:
    own = supplier.get(f"/fleet/devices/{fleet['mia'].device}")
    assert own.status_code == 200
    assert "Logins and actions" not in own.text, "it names the organisation's administrators"
    other = supplier.get(f"/fleet/devices/{fleet['olga1'].device}")
    nobody = supplier.get("/fleet/devices/nobody")
    assert (other.status_code, nobody.status_code) == (404, 404)
    assert other.text == nobody.text


@pytest.mark.parametrize("address", ["/audit", "/audit/decisions/1"])
def test_what_is_about_the_whole_organisation_is_not_for_one_group(
    supplier: httpx.Client, address: str
) -> None:
    refused = supplier.get(address)
    assert refused.status_code == 403
    assert [other for other in OTHERS if other in refused.text] == []
    assert 'href="/audit"' not in supplier.get("/fleet").text


def test_a_laptop_that_is_moved_away_is_gone_at_once(
    server: ClockedServer, supplier: httpx.Client
) -> None:
    with server.client() as client:
        laptop = SigningDevice(server.url, computer_name="max-laptop")
        laptop.enroll(client, server.enroll_code("max@example.com", "--group", "Manila"))
    page = f"/fleet/devices/{laptop.device}"
    assert supplier.get(page).status_code == 200
    server.command("group", "move", laptop.device, "Cebu")
    assert supplier.get(page).status_code == 404


def test_a_new_key_on_a_laptop_of_the_same_name_is_told_as_a_possible_replacement(
    server: ClockedServer, supplier: httpx.Client
) -> None:
    def enrolled(group: str) -> str:
        laptop = SigningDevice(server.url, computer_name="nia-laptop")
        with server.client() as client:
            laptop.enroll(client, server.enroll_code("nia@example.com", "--group", group))
        return laptop.device

    old, new, elsewhere = enrolled("Manila"), enrolled("Manila"), enrolled("Cebu")
    for device, other in ((old, new), (new, old)):
        page = supplier.get(f"/fleet/devices/{device}").text
        assert page.count("Possible replacement") == 1
        assert f"/fleet/devices/{other}" in page
        assert f"passmuster-server retire {old}" in page, "the older one"
        assert elsewhere not in page
    assert server.rows("SELECT status FROM devices WHERE device_id IN (?, ?)", old, new) == [
        ("active",),
        ("active",),
    ], "nothing is bound anew or taken out of service by itself"
    server.command("retire", old)
    assert "Possible replacement" not in supplier.get(f"/fleet/devices/{new}").text


def test_an_administrator_of_no_group_sees_every_laptop(
    server: ClockedServer, fleet: dict[str, SigningDevice]
) -> None:
    with signed_in(server) as client:
        page = client.get("/fleet").text
        assert all(f"{name}@example.com" in page for name in fleet)
        assert client.get("/audit").status_code == 200


def test_a_group_that_is_not_there_is_told(server: ClockedServer) -> None:
    refused = server.command(
        "create-admin", "--email", "x@example.com", "--group", "Nowhere", check=False
    )
    assert (refused.returncode, "none called 'Nowhere'" in refused.stderr) == (1, True)
