"""The policy's page: mistakes, the difference, whom a change shuts out, publishing, rollback."""

import html
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from passmuster_server.policy.document import MAX_DOCUMENT
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.console import send, signed_in, wait_until
from tests.support.example_readings import healthy
from tests.support.signing_device import SigningDevice

LOCK = "[signals.screen_lock.limits]\nlock_within_s = {}\n"
FIRST = '[signals.screen_lock]\nseverity = "block"\n' + LOCK.format(600)
STRICT = FIRST.replace("600", "120")
"""The laptop of these tests locks after 300 seconds. A fresh server has a version 1 already."""
FIELD = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ClockedServer]:
    with clocked_server(tmp_path, policy=FIRST) as running:
        yield running


@pytest.fixture
def it(server: ClockedServer) -> Iterator[httpx.Client]:
    with signed_in(server) as visitor:
        yield visitor


@pytest.fixture
def laptop(server: ClockedServer) -> SigningDevice:
    device = SigningDevice(server.url, computer_name="ana-laptop")
    with server.client() as client:
        device.enroll(client, server.enroll_code("ana@example.com"))
        device.report(client, healthy())
    return device


def in_force(server: ClockedServer) -> int:
    ((version,),) = server.rows("SELECT MAX(version) FROM policies")
    return int(version)


def check(
    visitor: httpx.Client, server: ClockedServer, document: str, **fields: str
) -> httpx.Response:
    given = {"document": document, "base": str(in_force(server)), **fields}
    return send(visitor, "/policy", "/policy/check", **given)


def publish_form(page: str) -> dict[str, str]:
    """Return the hidden fields of the form that publishes what the page shows."""
    form = page.partition('action="/policy/publish"')[2].partition("</form>")[0]
    assert form, "expected a form to publish by"
    return {name: html.unescape(value) for name, value in FIELD.findall(form)}


def published(visitor: httpx.Client, page: str, **fields: str) -> httpx.Response:
    given = {"reason": "Ticket 9", "sure": "yes", **publish_form(page), **fields}
    return visitor.post("/policy/publish", data=given)


def test_the_editor_holds_the_policy_in_force(it: httpx.Client) -> None:
    page = it.get("/policy").text
    text = page.partition("<textarea")[2].partition(">\n")[2].partition("</textarea>")[0]
    assert html.unescape(text) == FIRST


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (
            FIRST.replace("600", '"ten"'),
            "<strong>Line 4</strong>: <bdi>signals.screen_lock.limits.l",
        ),
        (FIRST.replace("lock_within", "lok_within"), "<strong>Line 4</strong>"),
        ("devices = \n", "<strong>Line 1</strong>: <bdi>not TOML"),
        ('[groups."Nowhere"]\nmax_age_s = 3000\n', "there is no such group"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_key(
    server: ClockedServer, it: httpx.Client, document: str, told: str
) -> None:
    answer = check(it, server, document)
    assert answer.status_code == 400
    assert told in answer.text
    assert html.escape(document.splitlines()[0], quote=False).replace('"', "&#34;") in answer.text
    assert "/policy/publish" not in answer.text


def test_a_change_is_shown_line_by_line_with_signs(server: ClockedServer, it: httpx.Client) -> None:
    page = check(it, server, STRICT.replace("\n", "\r\n")).text
    rows = re.findall(r'<tr class="(added|removed)">(.*?)</tr>', page)
    assert [kind for kind, _ in rows] == ["removed", "added"]
    assert "lock_within_s = 600" in rows[0][1]
    assert "lock_within_s = 120" in rows[1][1]
    assert '<span aria-hidden="true">+</span><span class="visually-hidden">added' in rows[1][1]


@pytest.mark.usefixtures("laptop")
def test_whom_a_change_would_shut_out_is_told_before_anything_happens(
    server: ClockedServer, it: httpx.Client
) -> None:
    page = check(it, server, STRICT).text
    assert "Shut out: 1 person" in page
    assert "ana@example.com" in page
    assert "the screen locks after 5 minutes" in page
    assert "I mean to shut out 1 person" in page
    assert server.rows("SELECT verdict FROM verdicts") == [("compliant",)]
    assert in_force(server) == 2


@pytest.mark.usefixtures("laptop")
def test_what_is_published_is_in_force_at_once_and_on_record(
    server: ClockedServer, it: httpx.Client
) -> None:
    assert published(it, check(it, server, STRICT).text).status_code == 303
    assert server.rows("SELECT document FROM policies WHERE version = 3") == [(STRICT,)]
    wait_until(lambda: server.rows("SELECT verdict FROM verdicts") == [("non_compliant",)])
    ((action, details),) = server.rows(
        "SELECT action, details FROM audit_entries ORDER BY number DESC LIMIT 1"
    )
    assert action == "policy.published"
    assert "Ticket 9" in str(details)
    page = it.get("/policy/versions/3").text
    assert '<tr class="added">' in page
    assert "@example.com" in page


def test_a_roll_back_shows_its_difference_first_and_is_a_version_of_its_own(
    server: ClockedServer, it: httpx.Client
) -> None:
    published(it, check(it, server, STRICT).text)
    page = send(it, "/policy", "/policy/check", again="2").text
    assert "Roll back to version 2?" in page
    assert '<tr class="added">' in page
    assert published(it, page, document="max_age_s = 600000\n").status_code == 303
    ((document, by),) = server.rows("SELECT document, published_by FROM policies WHERE version = 4")
    assert document == FIRST, "what was published, whatever the form says"
    assert by.endswith(", version 2 again")


def test_a_version_that_is_not_there_is_not_published_again(
    server: ClockedServer, it: httpx.Client
) -> None:
    page = check(it, server, STRICT).text
    assert published(it, page, again="9").status_code == 404
    assert in_force(server) == 2


def test_a_change_that_another_one_overtook_is_refused_and_kept(
    server: ClockedServer, it: httpx.Client
) -> None:
    page = check(it, server, STRICT).text
    server.publish_policy(FIRST.replace("600", "450"))
    refused = published(it, page)
    assert refused.status_code == 409
    assert "Version 3 was published meanwhile" in refused.text
    assert "lock_within_s = 120" in refused.text, "what was written is not lost"
    assert "/policy/publish" not in refused.text
    assert in_force(server) == 3


def test_an_old_sign_in_loses_nothing_that_was_written(
    server: ClockedServer, it: httpx.Client
) -> None:
    page = check(it, server, STRICT).text
    server.ahead = timedelta(minutes=16)
    refused = published(it, page)
    assert refused.status_code == 403
    assert "lock_within_s = 120" in refused.text
    assert 'href="/policy/prove"' in refused.text
    assert it.get("/policy/prove").status_code == 403
    assert in_force(server) == 2
    server.ahead = timedelta(0)
    assert it.get("/policy/prove").status_code == 200
    assert published(it, refused.text).status_code == 303


@pytest.mark.usefixtures("laptop")
def test_whom_it_would_shut_out_is_found_out_anew_when_it_is_published(
    server: ClockedServer, it: httpx.Client
) -> None:
    page = check(it, server, STRICT).text
    another = SigningDevice(server.url, computer_name="ben-laptop")
    with server.client() as client:
        another.enroll(client, server.enroll_code("ben@example.com"))
        another.report(client, healthy())
    refused = published(it, page)
    assert refused.status_code == 400
    assert "It would shut out 2 laptops by now, more than you were told" in refused.text
    assert "ben@example.com" in refused.text
    assert in_force(server) == 2
    forged = published(it, page, shuts_out="0", sure="")
    assert (forged.status_code, in_force(server)) == (400, 2)
    assert published(it, refused.text).status_code == 303


def test_a_group_that_went_meanwhile_is_told_at_the_publication(
    server: ClockedServer, it: httpx.Client
) -> None:
    server.command("group", "add", "Manila")
    named = f"{FIRST}[groups.Manila]\nmax_age_s = 1800\n"
    page = check(it, server, named).text
    server.change("UPDATE groups SET name = 'Davao' WHERE name = 'Manila'")
    refused = published(it, page)
    assert (refused.status_code, in_force(server)) == (400, 2)
    assert "there is no such group" in refused.text
    assert "groups.Manila" in refused.text, "what was written is not lost"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"reason": " "}, "what it is for"),
        ({"reason": "x" * 513}, "what it is for"),
        ({"sure": ""}, "Tick that you mean"),
    ],
)
@pytest.mark.usefixtures("laptop")
def test_what_the_form_asks_for_is_needed(
    server: ClockedServer, it: httpx.Client, fields: dict[str, str], told: str
) -> None:
    refused = published(it, check(it, server, STRICT).text, **fields)
    assert (refused.status_code, told in refused.text) == (400, True)
    assert in_force(server) == 2


def test_the_same_text_again_can_not_be_published(server: ClockedServer, it: httpx.Client) -> None:
    page = check(it, server, FIRST).text
    assert "this is the text that is in force" in page
    assert "/policy/publish" not in page


def test_a_document_has_a_size_limit(server: ClockedServer, it: httpx.Client) -> None:
    told = check(it, server, FIRST + "#" * MAX_DOCUMENT)
    assert (told.status_code, f"larger than {MAX_DOCUMENT} bytes" in told.text) == (400, True)
    assert check(it, server, "#" * (4 * MAX_DOCUMENT)).status_code == 413


def test_what_is_written_is_shown_as_text(server: ClockedServer, it: httpx.Client) -> None:
    page = check(it, server, f"# </textarea><script>alert(1)</script>\n{FIRST}").text
    assert "<script>alert" not in page


@pytest.mark.parametrize("role", ["viewer", "helpdesk", "auditor"])
def test_others_read_it_and_change_nothing(server: ClockedServer, role: str) -> None:
    with signed_in(server, "--role", role) as visitor:
        page = visitor.get("/policy").text
        assert "lock_within_s = 600" in page
        assert "<textarea" not in page
        assert visitor.get("/policy/versions/1").status_code == 200
        assert check(visitor, server, STRICT).status_code == 403
        answer = send(visitor, "/policy", "/policy/publish", document=STRICT, base="2")
        assert answer.status_code == 403
    assert in_force(server) == 2


def test_a_group_s_administrator_does_not_read_what_may_name_other_groups(
    server: ClockedServer,
) -> None:
    server.command("group", "add", "Manila", "--kind", "supplier")
    with signed_in(server, "--group", "Manila") as supplier:
        assert supplier.get("/policy").status_code == 403
        assert supplier.get("/policy/versions/1").status_code == 403
        assert 'href="/policy"' not in supplier.get("/fleet").text


@pytest.mark.parametrize("version", ["0", "3", "x", "9" * 30])
def test_a_version_that_is_not_there(it: httpx.Client, version: str) -> None:
    assert it.get(f"/policy/versions/{version}").status_code == 404
    assert send(it, "/policy", "/policy/check", again=version).status_code == 404


def test_a_form_of_another_site_publishes_nothing(server: ClockedServer, it: httpx.Client) -> None:
    page = check(it, server, STRICT).text
    it.headers["Origin"] = "https://evil.example"
    assert published(it, page).status_code == 403
    assert in_force(server) == 2
