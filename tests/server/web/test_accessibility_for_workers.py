"""Every page for workers and strangers by the rules of WCAG 2.2 AA: light, dark, on a telephone."""

import pytest
from playwright.sync_api import Page, expect

from passmuster_server.proof.browsers import WINDOW
from tests.support.accessibility import expect_no_faults
from tests.support.example_site import Site
from tests.support.proving import WANT, attestation, summons_on


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/fleet", "accounts/sign_in_needed.html"),
        ("/sign-in", "accounts/sign_in.html"),
        ("/sign-in#a-token", "accounts/sign_in.html"),
        ("/privacy", "fleet/collected.html"),
        ("/gate/blocked/unknown", "gate/blocked_expired.html"),
        ("/gate/page/again", "gate/again.html"),
        ("/my-laptops", "privacy/not_proven.html"),
        ("/proof/unknown", "proof/proof_refused.html"),
        ("/proof/return?a=x", "proof/proof_refused.html"),
        ("/oidc/step/unknown", "gate/step_over.html"),
        ("/oidc/authorize", "gate/oidc/refused.html"),
    ],
)
def test_a_page_for_everybody(site: Site, page: Page, path: str, template: str) -> None:
    page.goto(site.url(path))
    expect_no_faults(page, template)


def test_the_page_that_stops_a_worker(site: Site, page: Page) -> None:
    page.goto(site.url(f"/gate/blocked/{site.decision}"))
    expect(page.get_by_role("heading", level=1)).to_have_text("You can't open helpdesk yet")
    expect_no_faults(page, "gate/blocked.html")


def test_the_step_of_a_sign_in(site: Site, page: Page) -> None:
    page.goto(site.authorize("ana@example.com"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("You can't open")
    expect_no_faults(page)


def test_the_first_visit_where_no_laptop_answers(site: Site, page: Page) -> None:
    page.goto(site.url(WANT))
    expect(page.get_by_role("link", name="Check this laptop")).to_be_visible()
    expect_no_faults(page, "proof/proof.html")
    page.evaluate(
        """() => document.querySelectorAll("[data-step]").forEach((each) => {
          each.hidden = each.dataset.step !== "nobody";
        })"""
    )
    expect_no_faults(page)


def test_the_form_for_a_code_that_breaks_the_glass(site: Site, page: Page) -> None:
    page.goto(site.start)
    page.goto(f"{page.url}/back")
    page.get_by_role("link", name="I have a break-glass code").click()
    expect(page.get_by_label("Code")).to_be_visible()
    expect_no_faults(page, "gate/break_glass.html")
    page.get_by_label("Code").fill("AAAA-AAAA-AAAA")
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect_no_faults(page)


@pytest.mark.parametrize("language", ["de", "hi"])
def test_a_worker_s_pages_in_another_language(site: Site, page: Page, language: str) -> None:
    page.set_extra_http_headers({"Accept-Language": language})
    for path in (
        f"/gate/blocked/{site.decision}",
        "/gate/blocked/unknown",
        "/gate/page/again",
        "/my-laptops",
        "/privacy",
        "/proof/unknown",
        "/oidc/step/unknown",
        WANT,
        site.authorize("ana@example.com"),
    ):
        page.goto(path if path.startswith("http") else site.url(path))
        expect(page.locator("html")).to_have_attribute("lang", language)
        expect_no_faults(page)


def test_a_language_is_picked_without_a_script_and_kept(site: Site, page: Page) -> None:
    page.goto(site.url("/my-laptops"))
    page.get_by_role("link", name="Deutsch").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "Was über Ihre Laptops gespeichert ist"
    )
    expect(page.get_by_role("link", name="Deutsch")).to_have_attribute("aria-current", "true")
    page.goto(site.url("/gate/page/again"))
    expect(page.locator("html")).to_have_attribute("lang", "de")


def test_the_page_that_sends_a_worker_on_where_scripts_do_not(site: Site, page: Page) -> None:
    page.route("**/form_post*.js", lambda route: route.abort())
    page.goto(site.authorize("ben@example.com", response_mode="form_post"))
    expect(page.get_by_role("button", name="Continue")).to_be_visible()
    expect_no_faults(page, "gate/oidc/form_post.html")


def test_the_small_window_where_a_laptop_has_answered(site: Site, page: Page) -> None:
    page.goto(site.url(WANT))
    summons = summons_on(page.content())
    with site.server.client() as client:
        token = attestation(site.healthy, client, summons)
    page.context.add_cookies([{"name": WINDOW, "value": "1", "url": site.server.url}])
    # Its script would close it.
    page.route("**/proof*.js", lambda route: route.abort())
    page.goto(site.url(f"/proof/return?a={token}"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Your laptop has answered")
    expect_no_faults(page, "proof/proof_done.html")
