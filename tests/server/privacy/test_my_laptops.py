"""A worker sees all that is stored of their laptops, at their laptop, and nothing of others."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from passmuster_collectors.languages import NAMES, language_of
from passmuster_server.devices import codes
from passmuster_server.fleet.privacy import COLLECTED
from tests.support.accessibility import expect_no_faults
from tests.support.browser import browsing
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_laptops import ONLY_USB, enrolled, healthy, with_usb_stick
from tests.support.proving import attestation, summons_on
from tests.support.proving_laptop import proving_laptop
from tests.support.signing_device import SigningDevice

PAGE, STORED = "/my-laptops", "/my-laptops/stored.json"
ANA, BO = "ana@example.com", "bo@example.com"
PATIENCE_MS = 45_000

AtLaptop = Callable[[SigningDevice], httpx.Client]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClockedServer]:
    folder: Path = tmp_path_factory.mktemp("server")
    with clocked_server(folder, policy=ONLY_USB, contact="it@example.com") as running:
        yield running


@pytest.fixture
def ana(server: ClockedServer, client: httpx.Client) -> Iterator[SigningDevice]:
    laptop = enrolled(server, client, ANA, healthy(), computer_name="ana-laptop")
    laptop.report(client, with_usb_stick())
    yield laptop
    server.command("erase-person", ANA, "--yes")


@pytest.fixture
def bo(server: ClockedServer, client: httpx.Client) -> Iterator[SigningDevice]:
    yield enrolled(server, client, BO, with_usb_stick(), computer_name="bo-laptop")
    server.command("erase-person", BO, "--yes")


@pytest.fixture
def at_laptop(server: ClockedServer, client: httpx.Client) -> Iterator[AtLaptop]:
    """Returns a browser that has proven at which laptop it is."""
    opened = []

    def proven(laptop: SigningDevice) -> httpx.Client:
        browser = server.client()
        opened.append(browser)
        visit = browser.get(f"{PAGE}/check").headers["location"]
        summons = summons_on(browser.get(visit).text)
        laptop.report(client, with_usb_stick())
        token = attestation(laptop, client, summons, report=False)
        back = browser.get("/proof/return", params={"a": token})
        assert (back.status_code, back.headers["location"]) == (303, PAGE)
        return browser

    yield proven
    for browser in opened:
        browser.close()


def read(browser: httpx.Client) -> str:
    answer = browser.get(PAGE)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    return unescape(answer.text)


def is_not_shown(browser: httpx.Client) -> bool:
    left = browser.get(STORED)
    assert (left.status_code, left.headers["location"]) == (303, PAGE)
    page = read(browser)
    return "Check this laptop" in page and ANA not in page


@pytest.mark.usefixtures("ana")
def test_without_a_proof_nothing_is_shown_and_one_is_offered(client: httpx.Client) -> None:
    assert is_not_shown(client)


def test_each_signal_that_is_stored_is_shown_with_the_reason_for_each_field(
    ana: SigningDevice, at_laptop: AtLaptop
) -> None:
    browser = at_laptop(ana)
    page, stored = read(browser), browser.get(STORED).json()
    (device,) = stored["devices"]
    facts = {row["signal"]: row["reading"]["facts"] for row in device["readings"]}
    for signal in COLLECTED:
        assert signal.id in facts
        assert signal.title in page
        assert signal.why in page
        missing = [field.path for field in signal.fields if field.why not in page]
        assert not facts[signal.id] or not missing, f"{signal.id} does not say why: {missing}"
    assert "ana-laptop" in page


@pytest.mark.parametrize("tag", [tag for tag in NAMES if tag != "en"])
def test_facts_and_their_reasons_come_in_the_reader_s_language(
    ana: SigningDevice, at_laptop: AtLaptop, tag: str
) -> None:
    browser, language = at_laptop(ana), language_of(tag)
    page = unescape(browser.get(PAGE, headers={"Accept-Language": tag}).text)
    facts = {
        row["signal"]: row["reading"]["facts"]
        for row in browser.get(STORED).json()["devices"][0]["readings"]
    }
    for signal in COLLECTED:
        for field in signal.fields:
            told = {language.template(field.heading), language.template(field.why)}
            assert not facts[signal.id] or [each for each in told if each not in page] == []
            assert field.why not in page, "left in English"
    assert language.template("external") in page
    assert language.duration(300) in page, "how soon the screen locks"


def test_it_says_how_long_it_is_kept_and_whom_to_ask(
    ana: SigningDevice, at_laptop: AtLaptop
) -> None:
    page = read(at_laptop(ana))
    assert page.count("eleted after 400 days") == 4
    assert page.count('href="mailto:it@example.com"') == 2, "for erasure, and in the footer"


def test_who_looked_at_it_is_told(
    server: ClockedServer, ana: SigningDevice, at_laptop: AtLaptop
) -> None:
    server.command("explain", ana.device)
    server.command("export-person", ANA)
    page = read(at_laptop(ana))
    assert "looked at what this laptop reports (<bdi>ana-laptop</bdi>)" in page
    assert "exported all that is stored of you" in page


def test_nobody_sees_what_is_stored_of_another_person(
    server: ClockedServer, ana: SigningDevice, bo: SigningDevice, at_laptop: AtLaptop
) -> None:
    server.command("explain", bo.device)
    browser = at_laptop(ana)
    shown = read(browser) + browser.get(STORED).text
    for theirs in (BO, "bo-laptop", bo.device, bo.public_key.fingerprint()):
        assert theirs not in shown
    shown = read(at_laptop(bo))
    assert ANA not in shown
    assert "ana-laptop" not in shown
    assert BO in shown


def test_all_laptops_of_the_person_are_shown_however_their_address_is_written(
    server: ClockedServer, client: httpx.Client, ana: SigningDevice, at_laptop: AtLaptop
) -> None:
    enrolled(server, client, "Ana@Example.com", healthy(), computer_name="second-laptop")
    assert "second-laptop" in read(at_laptop(ana))


def test_the_download_is_what_an_export_of_it_s_is_and_goes_on_record(
    server: ClockedServer, ana: SigningDevice, at_laptop: AtLaptop
) -> None:
    answer = at_laptop(ana).get(STORED)
    assert answer.headers["content-disposition"] == 'attachment; filename="my-laptops.json"'
    given = answer.json()
    exported = json.loads(server.command("export-person", ANA).stdout)
    assert given["devices"] == exported["devices"]
    assert given.keys() == exported.keys()
    (last,) = (each for each in given["audit_entries"] if each["action"] == "person.exported")
    assert (last["actor"], last["subject"]) == (ANA, ana.device)


def test_a_proof_shows_it_for_an_hour(
    server: ClockedServer, ana: SigningDevice, at_laptop: AtLaptop
) -> None:
    browser = at_laptop(ana)
    with server.later(timedelta(minutes=61)):
        assert is_not_shown(browser)
    assert ANA in read(browser)


@pytest.mark.parametrize("command", ["lost", "retire", "revoke"])
def test_a_laptop_out_of_service_shows_nothing(
    server: ClockedServer, ana: SigningDevice, at_laptop: AtLaptop, command: str
) -> None:
    browser = at_laptop(ana)
    server.command(command, ana.device)
    assert is_not_shown(browser)


@pytest.mark.usefixtures("ana")
def test_a_laptop_that_alone_said_whose_it_is_shows_nothing_until_it_has_a_code(
    server: ClockedServer, client: httpx.Client, at_laptop: AtLaptop
) -> None:
    added = server.command(
        *("deployment-secret", "add", "many", "--uses", "9", "--days", "30", "--approve-at-once")
    )
    secret = next(line for line in added.stdout.splitlines() if len(codes.normalised(line)) == 24)
    laptop = SigningDevice(server.url)
    laptop.enroll(client, secret, ANA)
    assert is_not_shown(at_laptop(laptop))
    laptop.enroll(client, server.enroll_code(ANA))
    assert ANA in read(at_laptop(laptop))


def test_a_laptop_that_it_approved_shows_what_is_stored(
    server: ClockedServer, client: httpx.Client, at_laptop: AtLaptop
) -> None:
    added = server.command("deployment-secret", "add", "few", "--uses", "9", "--days", "30")
    secret = next(line for line in added.stdout.splitlines() if len(codes.normalised(line)) == 24)
    laptop = SigningDevice(server.url)
    laptop.enroll(client, secret, "lea@example.com")
    server.command("approve", laptop.device)
    assert "lea@example.com" in read(at_laptop(laptop))


def test_a_worker_at_their_laptop_reads_and_downloads_it(
    server: ClockedServer, tmp_path: Path
) -> None:
    """The real agent and companion on this machine, and whatever they report of it."""
    with proving_laptop(tmp_path, server, "kim@example.com"), browsing() as browser:
        page = browser.page()
        page.goto(server.url + "/privacy")
        page.get_by_role("link", name="what is stored of your laptops").click()
        expect_no_faults(page)
        page.get_by_role("link", name="Check this laptop").click()
        page.get_by_role("link", name="Check this laptop").click()
        page.wait_for_url(f"**{PAGE}", timeout=PATIENCE_MS)
        expect(page.get_by_text("kim@example.com").first).to_be_visible(timeout=PATIENCE_MS)
        expect(page.get_by_role("heading", name="Disk encryption")).to_be_visible()
        assert owners_in_download(page) == ["kim@example.com"]
        expect_no_faults(page, "privacy/my_laptops.html")
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(wide) <= 0, "too wide for a phone"
        assert browser.complaints == []
    server.command("erase-person", "kim@example.com", "--yes")


def test_it_needs_no_scripts(
    server: ClockedServer, ana: SigningDevice, at_laptop: AtLaptop
) -> None:
    cookies = at_laptop(ana).cookies.items()
    with browsing(java_script_enabled=False) as browser:
        for name, value in cookies:
            browser.context.add_cookies([{"name": name, "value": value, "url": server.url}])
        page = browser.page()
        page.goto(server.url + PAGE)
        page.get_by_role("link", name="Who looked at it", exact=True).click()
        expect(page.get_by_role("heading", name="Who looked at it")).to_be_in_viewport()
        assert owners_in_download(page) == [ANA]


def owners_in_download(page: Page) -> list[str]:
    with page.expect_download() as started:
        page.get_by_role("link", name="Download all of it").click()
    stored = json.loads(started.value.path().read_text(encoding="utf-8"))
    return [device["owner"] for device in stored["devices"]]
