"""The page that tells a worker what is wrong."""

import asyncio
import dataclasses
import hashlib
import html
import re
from base64 import b64encode
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from starlette.requests import Request
from starlette.responses import Response

from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.verdict import Outcome, Remedy, Verdict
from passmuster_collectors.languages import NAMES
from passmuster_server.gate.blocked import LIFETIME, BlockedPage
from passmuster_server.gate.decision import Question
from passmuster_server.gate.service import GateService
from passmuster_server.policy.default_document import default_document
from passmuster_server.policy.document import parse
from passmuster_server.policy.standing import DeviceStatus, Reason, Standing
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support.example_standings import NO_LOCK, NOW, UNREADABLE_WIFI, standing, standings_of

POLICY = parse(default_document(), 1)
ID = "A" * 24


async def page(
    *items: Standing,
    application: str = "Helpdesk",
    device: str | None = None,
    asked_at: Any = NOW,
    contact: str = "it@example.com",
    language: str = "",
) -> Response:
    question = Question(DEFAULT_ORGANISATION, "ana@example.com", application, device)

    async def question_of(decision: str) -> Any:
        return (question, asked_at) if decision == ID else None

    recorder: Any = SimpleNamespace(question_of=question_of)
    service = GateService(standings_of(*items), recorder, lambda _: POLICY, lambda: NOW)
    blocked = BlockedPage(
        recorder,
        service,
        lambda: NOW,
        whys={"screen_lock": "An unattended screen shows customers' data."},
        public_url="https://passmuster.example.com",
        contact=contact,
    )
    headers = [(b"accept-language", language.encode())] if language else []
    scope = {
        "type": "http",
        "path_params": {"decision": ID},
        "query_string": b"",
        "headers": headers,
    }
    return await blocked.answer(Request(scope))


def answered(*items: Standing, **how: Any) -> Response:
    return asyncio.run(page(*items, **how))


def shown(*items: Standing, **how: Any) -> str:
    return html.unescape(bytes(answered(*items, **how).body).decode())


FAILING = standing(Verdict.NON_COMPLIANT, NO_LOCK)


def test_it_says_what_is_wrong_why_it_matters_and_how_to_put_it_right() -> None:
    text = shown(FAILING)
    for expected in (
        "You can't open <bdi>Helpdesk</bdi> yet",
        "One thing needs",
        "Your screen does not lock by itself.",
        "An unattended screen shows customers' data.",
        "How to put it right on Linux",
        "<li>Switch on Automatic Screen Lock.</li>",
        '<a href="mailto:it@example.com">it@example.com</a>',
        ID,
        "last checked",
    ):
        assert expected in text, f"the page does not say: {expected}"


def test_it_shows_how_things_are_now_and_not_how_they_were() -> None:
    text = shown(standing())
    assert "All is well now" in text
    assert "How to put it right" not in text


def test_it_counts_what_is_wrong() -> None:
    text = shown(standing(Verdict.NON_COMPLIANT, NO_LOCK, UNREADABLE_WIFI))
    assert "2 things need" in text
    assert "The Wi-Fi could not be checked." in text
    assert "Ask IT how to put this right." in text, "a reason without a remedy leaves them stuck"


@pytest.mark.parametrize(
    ("item", "sentence"),
    [
        (standing(last_seen=NOW - timedelta(days=1)), "has not been checked for a while"),
        (standing(last_seen=None), "has not been checked yet"),
        (standing(status=DeviceStatus.REVOKED), "IT has blocked this laptop"),
        (standing(status=DeviceStatus.CONFLICT), "IT has to look at this laptop"),
    ],
)
def test_what_no_signal_explains_has_words_and_steps_too(item: Standing, sentence: str) -> None:
    text = shown(item)
    assert sentence in text
    assert "How to put it right" in text


def test_several_laptops_are_told_apart() -> None:
    other = standing(
        Verdict.UNKNOWN, UNREADABLE_WIFI, device="device-2", computer_name="ana-desktop"
    )
    text = shown(FAILING, other)
    assert "On <bdi>ana-laptop</bdi>" in text
    assert "On <bdi>ana-desktop</bdi>" in text


def read(text: str) -> str:
    """Return what a reader of the page gets: no style, no address, no name of its template."""
    page = text.split("</style>")[1].replace("/gate/blocked/", "")
    return re.sub(r"<!-- gate/\w+\.html -->$", "", page)


def test_somebody_elses_laptop_stays_theirs() -> None:
    other = standing(
        Verdict.NON_COMPLIANT, NO_LOCK, owner="bo@example.com", computer_name="bo-secret"
    )
    text = shown(other, device="device-1")
    assert "registered for somebody else" in text
    assert "bo-secret" not in text
    assert "lock" not in read(text)


def test_under_way_is_not_the_same_as_wrong() -> None:
    encrypting = Reason(
        "disk_encryption",
        Outcome.TRANSITIONING,
        "The disk is being encrypted.",
        "encrypting",
        Remedy(("Leave the laptop switched on.",)),
    )
    text = shown(standing(Verdict.NON_COMPLIANT, encrypting))
    assert '<article class="waiting">' in text
    assert "What to do" in text


def test_steps_are_for_their_own_system() -> None:
    text = shown(msgspec.structs.replace(FAILING, platform=Platform.MACOS))
    assert "How to put it right on macOS" in text


@pytest.mark.parametrize(
    ("link", "offered"),
    [
        ("ms-settings:lockscreen", True),
        ("x-apple.systempreferences:com.apple.Lock", True),
        ("https://intranet.example.com/lock", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("http://elsewhere.example.com", False),
    ],
)
def test_a_link_leads_to_settings_or_nowhere(link: str, offered: bool) -> None:
    reason = dataclasses.replace(NO_LOCK, remedy=Remedy(("Open the settings.",), link))
    text = shown(standing(Verdict.NON_COMPLIANT, reason))
    assert (link in text) == offered


@pytest.mark.parametrize(
    ("contact", "expected"),
    [
        ("it@example.com", 'href="mailto:it@example.com"'),
        ("https://help.example.com", 'href="https://help.example.com"'),
        ("tel:+31201234567", 'href="tel:+31201234567"'),
        ("room 4.12", "<strong>room 4.12</strong>"),
        ("javascript:alert(1)", "<strong>javascript:alert(1)</strong>"),
        ("", "Contact your IT team"),
    ],
)
def test_it_says_how_to_reach_it(contact: str, expected: str) -> None:
    assert expected in shown(FAILING, contact=contact)


HOSTILE = "<script>alert(1)</script>{{ 7*7 }}\u202egnp.exe"


def test_names_from_a_laptop_are_text_and_nothing_else() -> None:
    reason = dataclasses.replace(NO_LOCK, worker=HOSTILE, remedy=Remedy((HOSTILE,)))
    item = standing(Verdict.NON_COMPLIANT, reason, computer_name=HOSTILE)
    body = bytes(answered(item, application=HOSTILE).body).decode()
    assert "<script" not in body
    assert "49" not in body.split("</style>")[1].replace(ID, "")
    assert "\u202e" not in body, "a mark that reorders text reaches the page"
    assert "&lt;script&gt;" in body


def test_check_again_can_lead_nowhere_but_here() -> None:
    body = bytes(answered(FAILING).body).decode()
    links = re.findall(r'href="([^"]*)"', body)
    ours = "https://passmuster.example.com"
    choices = {f"{ours}/gate/blocked/{ID}?language={tag}" for tag in NAMES}
    named = {"", "mailto:it@example.com", f"{ours}/privacy", f"{ours}/my-laptops"}
    assert set(links) == named | choices
    assert "<form" not in body


def test_its_policy_allows_its_own_style_and_nothing_more() -> None:
    response = answered(FAILING)
    style = re.search(r"<style>(.*?)</style>", bytes(response.body).decode(), re.DOTALL)
    assert style is not None
    digest = b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert response.headers["Cache-Control"] == "no-store"


def test_an_old_page_says_nothing_any_more() -> None:
    response = answered(FAILING, asked_at=NOW - LIFETIME - timedelta(seconds=1))
    assert response.status_code == 404
    assert b"out of date" in response.body
    assert "lock" not in read(bytes(response.body).decode())


def test_it_speaks_the_browser_s_language_and_says_so() -> None:
    response = answered(FAILING, language="de-AT,en;q=0.5")
    text = html.unescape(bytes(response.body).decode())
    assert '<html lang="de">' in text
    assert "Sie können <bdi>Helpdesk</bdi> noch nicht öffnen" in text
    assert "Eine Sache muss erst in Ordnung gebracht werden." in text
    assert "zuletzt geprüft:" in text
    assert response.headers["Content-Language"] == "de"
    assert "Accept-Language" in response.headers["Vary"]


def test_each_language_can_be_picked_at_our_own_address() -> None:
    text = shown(FAILING)
    for tag, name in NAMES.items():
        address = f"https://passmuster.example.com/gate/blocked/{ID}?language={tag}"
        assert f'<a href="{address}" lang="{tag}" hreflang="{tag}"' in text
        assert f">{name}</a>" in text


def test_one_that_is_let_in_for_a_while_is_told_what_to_put_right_and_how_long_that_takes() -> None:
    until = NOW + timedelta(days=2, hours=1)
    text = shown(standing(Verdict.GRACE, NO_LOCK, grace_until=until))
    assert "You can sign in now" in text
    assert "that leaves 2 days." in text
    assert "Your screen does not lock by itself." in text
    assert "Switch on Automatic Screen Lock." in text
