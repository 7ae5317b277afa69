"""The whole way in a real Chromium: server, browser, companion, agent, and pages that mean harm."""

import contextlib
import json
import os
import select
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Error, Page, expect

from passmuster_agent.companion.loopback import Loopback
from passmuster_collectors.contract.attestation import PORTS
from tests.support.accessibility import expect_no_faults
from tests.support.browser import browsing
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.proving import WANT, add_door
from tests.support.proving_laptop import ProvingLaptop, proving_laptop
from tests.support.running_agent import COMMAND

PATIENCE_MS = 45_000


@pytest.fixture(scope="module")
def neighbour() -> Iterator[None]:
    """Another person's companion, which was there before: it has the first port, and refuses."""
    loopback = Loopback(lambda *_: False, PORTS[:1])
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            select.select(loopback.descriptors(), (), (), 0.05)
            loopback.step(time.monotonic())

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        loopback.close()


@pytest.fixture(scope="module")
def laptop(
    server: ClockedServer,
    tmp_path_factory: pytest.TempPathFactory,
    neighbour: None,  # noqa: ARG001 - it is there
) -> Iterator[ProvingLaptop]:
    with proving_laptop(tmp_path_factory.mktemp("laptop"), server) as running:
        yield running


def device_of(server: ClockedServer) -> str:
    ((device,),) = server.rows("SELECT device_id FROM devices WHERE owner = ?", "ana@example.com")
    return str(device)


def told_by(page: Page) -> dict[str, Any]:
    """Return what the door says on the page."""
    found: dict[str, Any] = json.loads(page.locator("body").inner_text())
    return found


def without_an_answer(page: Page) -> None:
    """Click, and see that nobody answers."""
    page.get_by_role("link", name="Check this laptop").click()
    heading = page.get_by_role("heading", name="This laptop did not answer")
    expect(heading).to_be_visible(timeout=PATIENCE_MS)


@contextmanager
def hostile_site() -> Iterator[str]:
    """Serve an empty page at another origin; yields its address."""

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>hostile</title><body>")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - inherited
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as site:
        thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{site.server_address[1]}/"
        finally:
            site.shutdown()
            thread.join()


def summons_of(page: Page, port: int) -> str:
    """Return the address at the companion that the proof's page would open."""
    urls = page.locator("[data-proof]").get_attribute("data-urls") or ""
    return next(url for url in urls.split() if f":{port}/" in url)


def proofs(laptop: ProvingLaptop) -> int:
    """Return how often the laptop's agent has signed."""
    text = (laptop.folder / "agent.log").read_text(encoding="utf-8")
    return text.count("has proven where it is")


def test_where_no_agent_is_the_page_says_what_to_do_and_leads_on(server: ClockedServer) -> None:
    """Comes first: the laptop's agent starts with the first test that asks for it."""
    with browsing() as browser:
        page = browser.page()
        page.goto(server.url + WANT)
        without_an_answer(page)
        expect(page.get_by_role("link", name="it@example.com")).to_be_visible()
        page.get_by_role("link", name="Go on without").click()
        page.wait_for_url("**/test/who")
        assert told_by(page) == {"device": None}


def test_a_worker_at_their_laptop_clicks_once_and_the_next_time_not_at_all(
    server: ClockedServer, laptop: ProvingLaptop
) -> None:
    assert laptop.port in PORTS
    with browsing() as browser:
        page = browser.page()
        page.goto(server.url + WANT)
        expect(page.get_by_role("heading", level=1)).to_contain_text("helpdesk")
        page.get_by_role("link", name="Check this laptop").click()
        page.wait_for_url("**/test/who", timeout=PATIENCE_MS)
        assert told_by(page) == {
            "device": device_of(server),
            "owner": "ana@example.com",
            "proof": "loopback",
        }
        assert len(browser.context.pages) == 1, "the small window is still open"

        page.goto(server.url + WANT)
        assert page.url == f"{server.url}/test/who", "the browser knows the way by now"
        assert told_by(page)["device"] == device_of(server)


def test_the_agent_of_another_organisation_does_not_answer(
    laptop: ProvingLaptop, tmp_path: Path
) -> None:
    before = proofs(laptop)
    with clocked_server(tmp_path / "theirs") as theirs, browsing() as browser:
        add_door(theirs)
        page = browser.page()
        page.goto(theirs.url + WANT)
        without_an_answer(page)
    assert proofs(laptop) == before


def test_an_answer_that_is_led_into_another_browser_is_refused(
    server: ClockedServer, laptop: ProvingLaptop
) -> None:
    with browsing() as attacker:
        theirs = attacker.page()
        theirs.goto(server.url + WANT)
        bait = summons_of(theirs, laptop.port)
        # The second browser is at the laptop; its worker follows a link to the companion.
        context = attacker.context.browser
        assert context is not None
        victim = context.new_context().new_page()
        victim.goto(server.url + WANT)
        victim.goto(bait, timeout=PATIENCE_MS)
        expect(victim.get_by_text("another_browser")).to_be_visible()
        for page in (theirs, victim):
            page.goto(f"{server.url}/test/who")
            assert told_by(page) == {"device": None}


@contextmanager
def confirming(laptop: ProvingLaptop) -> Iterator["subprocess.Popen[str]"]:
    """Run the command that a worker runs at the laptop, its terminal in the test's hands."""
    command = subprocess.Popen(
        [*COMMAND, "confirm", "--socket", str(laptop.folder / "run" / "confirm.sock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={"PATH": os.defpath},
    )
    try:
        yield command
    finally:
        command.kill()
        command.communicate()


def type_in(command: "subprocess.Popen[str]", line: str) -> None:
    """Type a line."""
    assert command.stdin is not None
    command.stdin.write(f"{line}\n")
    command.stdin.flush()


def test_a_browser_that_does_not_reach_the_laptop_goes_on_by_a_number(
    server: ClockedServer, laptop: ProvingLaptop
) -> None:
    """As on a remote desktop: what is at this browser's 127.0.0.1 is another computer."""
    with browsing() as browser, confirming(laptop) as command:
        page = browser.page()
        page.context.route("http://127.0.0.1:2846*/**", lambda route: route.abort())
        page.goto(server.url + WANT + "?person=ana@example.com")
        without_an_answer(page)
        page.get_by_role("link", name="confirm at your laptop by a number").click()
        heading = page.get_by_role("heading", level=1)
        expect(heading).to_have_text("Confirm helpdesk at your laptop")
        type_in(command, page.locator("output").inner_text())
        assert command.stdout is not None
        told = [command.stdout.readline() for _ in range(4)]
        assert "A browser signs in to helpdesk as ana@example.com." in told[0]
        assert "It comes from 127.0.0.1" in told[1]
        assert "the same address as this laptop's" in told[2]
        assert "don't, and tell IT" in told[3]
        expect(page.get_by_text("Waiting for your laptop")).to_be_visible()
        type_in(command, "yes")
        page.wait_for_url("**/test/who", timeout=PATIENCE_MS)
        assert told_by(page) == {
            "device": device_of(server),
            "owner": "ana@example.com",
            "proof": "number",
        }
        said, _ = command.communicate(timeout=PATIENCE_MS / 1000)
        assert (command.returncode, "Confirmed." in said) == (0, True), said


def test_a_worker_who_says_no_lets_nobody_in(server: ClockedServer, laptop: ProvingLaptop) -> None:
    """Somebody has talked them into typing the number of another browser."""
    with browsing() as browser, confirming(laptop) as command:
        page = browser.page()
        page.goto(server.url + WANT)
        page.get_by_role("link", name="Confirm at your laptop by a number").click()
        type_in(command, page.locator("output").inner_text())
        type_in(command, "no")
        said, _ = command.communicate(timeout=PATIENCE_MS / 1000)
        assert (command.returncode, "Nothing was confirmed." in said) == (1, True), said
        page.get_by_role("link", name="Go on without").click()
        page.wait_for_url("**/test/who")
        assert told_by(page) == {"device": None}


def test_the_page_with_the_number_has_no_faults(server: ClockedServer) -> None:
    with browsing() as browser:
        page = browser.page()
        page.goto(server.url + WANT)
        page.get_by_role("link", name="Confirm at your laptop by a number").click()
        expect(page.locator("output")).to_be_visible()
        expect_no_faults(page, "proof/proof_number.html")


def test_a_number_that_nobody_shows_is_refused_at_the_laptop(laptop: ProvingLaptop) -> None:
    with confirming(laptop) as command:
        said, _ = command.communicate("0000 0000\n", timeout=PATIENCE_MS / 1000)
    assert command.returncode == 7, said
    assert "No browser of this laptop's owner shows this number" in said


HOSTILE = """
async (url) => {
  const tried = {};
  const attempt = async (name, options) => {
    try {
      const answer = await fetch(url, options);
      tried[name] = `${answer.type} ${answer.status} ${(await answer.text()).length}`;
    } catch (error) {
      tried[name] = error.name;
    }
  };
  await attempt("cors", {});
  await attempt("opaque", { mode: "no-cors" });
  await attempt("credentials", { credentials: "include" });
  await attempt("preflight", { headers: { "X-Anything": "1" } });
  await attempt("post", { method: "POST", body: "x", mode: "no-cors" });
  tried.image = await new Promise((done) => {
    const image = new Image();
    image.onload = () => done("loaded");
    image.onerror = () => done("error");
    image.src = url;
  });
  tried.frame = await new Promise((done) => {
    const frame = document.createElement("iframe");
    frame.onload = () => {
      try {
        done(frame.contentWindow.location.href);
      } catch (error) {
        done(error.name);
      }
    };
    frame.src = url;
    document.body.append(frame);
  });
  tried.socket = await new Promise((done) => {
    const opened = new WebSocket(url.replace("http:", "ws:"));
    opened.onopen = () => done("open");
    opened.onerror = () => done("error");
  });
  return tried;
}
"""


def test_another_site_gets_nothing_out_of_the_companion_whatever_it_sends(
    server: ClockedServer, laptop: ProvingLaptop
) -> None:
    before = proofs(laptop)
    with browsing() as browser, hostile_site() as site:
        page = browser.page()
        page.goto(server.url + WANT)
        real = summons_of(page, laptop.port)
        page.goto(site)
        unreadable = "TypeError"
        for url in (real, f"http://127.0.0.1:{laptop.port}/", real[:-1] + "x"):
            assert page.evaluate(HOSTILE, url) == {
                "cors": unreadable,
                "opaque": "opaque 0 0",
                "credentials": unreadable,
                "preflight": unreadable,
                "post": "opaque 0 0",
                "image": "error",
                "frame": "SecurityError",
                "socket": "error",
            }, "a page learns more than that something refuses"
        with page.expect_response(real) as posted:
            page.evaluate(
                """(url) => {
                  const form = document.createElement("form");
                  form.method = "post"; form.action = url;
                  document.body.append(form); form.submit();
                }""",
                real,
            )
        assert (posted.value.status, posted.value.request.method) == (404, "POST")
    assert proofs(laptop) == before


def test_a_name_that_is_made_to_lead_to_the_companion_is_refused(
    server: ClockedServer, laptop: ProvingLaptop
) -> None:
    before = proofs(laptop)
    rule = "--host-resolver-rules=MAP rebound.example 127.0.0.1"
    # Where the browser itself would ask the worker first, the companion has to refuse all the same.
    with browsing(rule, "--disable-features=LocalNetworkAccessChecks") as browser:
        page = browser.page()
        page.goto(server.url + WANT)
        real = summons_of(page, laptop.port)
        rebound = real.replace("127.0.0.1", "rebound.example")
        with page.expect_response(rebound) as refused, contextlib.suppress(Error):
            page.goto(rebound)
        assert refused.value.status == 404
        # A page that came from that name before it was led here has the companion's own origin.
        start = rebound.partition("/attest")[0] + "/start"
        page.route(start, lambda route: route.fulfill(body="<body>", content_type="text/html"))
        page.goto(start)
        read = "async (url) => { const a = await fetch(url); return [a.status, await a.text()]; }"
        assert page.evaluate(read, rebound) == [404, ""]
    assert proofs(laptop) == before


@pytest.mark.usefixtures("laptop")
def test_local_network_access_does_not_stand_in_the_way_of_a_window(
    server: ClockedServer,
) -> None:
    """The server counts as one on the internet; only a script would have to ask the worker."""
    public = f"--ip-address-space-overrides=127.0.0.1:{server.port}=public"
    with browsing(public) as browser:
        page = browser.page()
        page.goto(server.url + WANT)
        page.get_by_role("link", name="Check this laptop").click()
        page.wait_for_url("**/test/who", timeout=PATIENCE_MS)
        assert told_by(page)["device"] == device_of(server)


def not_here(page: Page) -> None:
    """Click, be refused by somebody else's companion, or by nobody's, and go back."""
    link = page.get_by_role("link", name="Check this laptop")
    link.click()
    expect(link).to_have_count(0)
    page.go_back()


def test_it_works_without_scripts(server: ClockedServer, laptop: ProvingLaptop) -> None:
    """Which port is the worker's own depends on who else is logged in; the page leads to each."""
    first, *others = PORTS
    with browsing(java_script_enabled=False) as browser:
        page = browser.page()
        page.goto(server.url + WANT)
        for port in others:
            expect(page.get_by_role("link", name=str(port))).to_be_visible()
        if laptop.port != first:
            not_here(page)
        mine = "Check this laptop" if laptop.port == first else str(laptop.port)
        page.get_by_role("link", name=mine).click()
        page.wait_for_url("**/test/who", timeout=PATIENCE_MS)
        assert told_by(page)["device"] == device_of(server)


def test_a_window_that_may_not_be_opened_goes_itself(
    server: ClockedServer, laptop: ProvingLaptop
) -> None:
    with browsing() as browser:
        page = browser.page()
        page.add_init_script("window.open = () => null")
        page.goto(server.url + WANT)
        for _ in PORTS[: PORTS.index(laptop.port)]:
            not_here(page)
        page.get_by_role("link", name="Check this laptop").click()
        page.wait_for_url("**/test/who", timeout=PATIENCE_MS)
        assert told_by(page)["device"] == device_of(server)

        page.goto(server.url + WANT)
        page.get_by_role("link", name="Check this laptop").click()
        page.wait_for_url("**/test/who", timeout=PATIENCE_MS)
