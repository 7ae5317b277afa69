"""Groups: where a laptop comes from its code, where a command puts it, and how IT sees it."""

import secrets
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import browsing
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_laptops import healthy
from tests.support.signing_device import SigningDevice


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClockedServer]:
    with clocked_server(tmp_path_factory.mktemp("groups")) as running:
        running.command("group", "add", "Manila", "--kind", "supplier")
        running.command("group", "add", "Night shift")
        yield running


def laptop(
    server: ClockedServer,
    client: httpx.Client,
    owner: str,
    *arguments: str,
    device: SigningDevice | None = None,
) -> SigningDevice:
    device = device or SigningDevice(server.url, computer_name=f"{owner.partition('@')[0]}-laptop")
    device.enroll(client, server.enroll_code(owner, *arguments))
    return device


def place_of(server: ClockedServer, device: SigningDevice) -> tuple[str, str]:
    ((group, ownership),) = server.rows(
        "SELECT g.name, d.ownership FROM devices AS d JOIN groups AS g "
        "ON g.organisation_id = d.organisation_id AND g.group_id = d.group_id "
        "WHERE d.device_id = ?",
        device.device,
    )
    return group, ownership


def test_without_a_word_a_laptop_is_the_companys_in_the_default_group(
    server: ClockedServer, client: httpx.Client
) -> None:
    assert place_of(server, laptop(server, client, "ana@example.com")) == ("Default", "company")


def test_its_code_says_where_it_belongs_and_whose_it_is(
    server: ClockedServer, client: httpx.Client
) -> None:
    device = laptop(
        server, client, "ben@example.com", "--group", "manila", "--ownership", "personal"
    )
    assert place_of(server, device) == ("Manila", "personal")


def test_a_laptop_that_enrols_again_stays_where_it_is_unless_its_code_says_otherwise(
    server: ClockedServer, client: httpx.Client
) -> None:
    owner = "cleo@example.com"
    device = laptop(server, client, owner, "--group", "Manila", "--ownership", "personal")
    laptop(server, client, owner, device=device)
    assert place_of(server, device) == ("Manila", "personal")
    laptop(server, client, owner, "--group", "Night shift", device=device)
    assert place_of(server, device) == ("Night shift", "personal")


def test_a_laptop_that_replaces_another_takes_its_place(
    server: ClockedServer, client: httpx.Client
) -> None:
    old = laptop(server, client, "dora@example.com", "--group", "Manila", "--ownership", "personal")
    new = laptop(server, client, "dora@example.com", "--replaces", old.device)
    assert place_of(server, new) == ("Manila", "personal")


def test_a_command_moves_a_laptop_and_says_whose_it_is(
    server: ClockedServer, client: httpx.Client
) -> None:
    device = laptop(server, client, "eve@example.com")
    said = server.command("group", "move", device.device, "Manila").stdout
    assert said == "The device is in the group Manila.\n"
    said = server.command("ownership", device.device, "personal").stdout
    assert said == "The device is a person's own.\n"
    assert place_of(server, device) == ("Manila", "personal")


def test_the_list_tells_kind_and_number(server: ClockedServer, client: httpx.Client) -> None:
    server.command("group", "add", "Cebu", "--kind", "supplier")
    laptop(server, client, "fay@example.com", "--group", "Cebu")
    said = server.command("group", "list").stdout.splitlines()
    assert "Cebu  supplier  1" in said
    names = [line.split("  ")[0] for line in said]
    assert names == sorted(names, key=str.casefold)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("group", "add", "MANILA"), "there is a group 'MANILA' already"),
        (("group", "add", " "), "name: expected one line"),
        (("group", "add", "x" * 65), "name: expected one line"),
        (("group", "add", "two\nlines"), "name: expected one line"),
        (("group", "move", "nobody", "Manila"), "device: there is no such device"),
        (("group", "move", "nobody", "Nowhere"), "group: there is none called 'Nowhere'"),
        (("ownership", "nobody", "personal"), "device: there is no such device"),
        (("enroll-code", "--owner", "a@example.com", "--group", "Nowhere"), "none called"),
    ],
)
def test_what_can_not_be_done_is_told_by_name(
    server: ClockedServer, arguments: tuple[str, ...], told: str
) -> None:
    done = server.command(*arguments, check=False)
    assert (done.returncode, told in done.stderr) == (1, True), done.stderr


@pytest.fixture(scope="module")
def page(server: ClockedServer) -> Iterator[Page]:
    with browsing() as browser:
        opened = browser.page()
        opened.goto(server.sign_in_link(f"{secrets.token_hex(4)}@example.com"))
        opened.get_by_role("button", name="Sign in").click()
        opened.wait_for_url("**/fleet")
        yield opened
        assert browser.complaints == []


def test_the_fleet_is_filtered_by_group_counts_and_all(
    server: ClockedServer, client: httpx.Client, page: Page
) -> None:
    server.command("group", "add", "Davao")
    for owner in ("gil@example.com", "hal@example.com"):
        laptop(server, client, owner, "--group", "Davao").report(client, healthy())
    page.reload()
    page.get_by_label("Group").select_option("Davao")
    page.get_by_role("button", name="Search").click()
    page.wait_for_url("**group=*")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("Davao")
    expect(page.get_by_role("link", name="All laptops")).to_contain_text("2")
    page.get_by_role("link", name="Compliant", exact=False).last.click()
    page.wait_for_url("**verdict=compliant*")
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.get_by_label("Group")).to_have_value(
        str(server.rows("SELECT group_id FROM groups WHERE name = 'Davao'")[0][0])
    )


def test_a_laptops_page_and_line_tell_group_and_ownership(
    server: ClockedServer, client: httpx.Client, page: Page
) -> None:
    device = laptop(
        server, client, "ian@example.com", "--group", "Manila", "--ownership", "personal"
    )
    page.goto(f"{server.url}/fleet?search=ian@")
    row = page.locator("tbody tr")
    expect(row).to_contain_text("Manila")
    expect(row).to_contain_text("personal")
    page.goto(f"{server.url}/fleet/devices/{device.device}")
    about = page.get_by_role("region", name="About this laptop")
    expect(about).to_contain_text("Manila supplier")
    expect(about).to_contain_text("the worker's own")
    page.get_by_role("link", name="Manila").click()
    page.wait_for_url("**/fleet?group=*")
    expect(page.locator("tbody")).to_contain_text("ian@example.com")


def test_a_group_that_is_not_there_shows_no_laptop(server: ClockedServer, page: Page) -> None:
    page.goto(f"{server.url}/fleet?group=%27%20OR%201%3D1")
    expect(page.get_by_text("No laptop matches")).to_be_visible()
