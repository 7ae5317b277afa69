"""Take the pictures of the README: a small fleet on a real server, in a real browser.

    make screenshots

Needs Debian's Chromium. The laptops are recorded ones; their reports are signed and judged like any
other.
"""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.example_laptops import enrolled, healthy, readings_of, with_changed
from tests.support.running_server import RunningServer, running_server
from tests.support.tools import REPOSITORY

CHROMIUM = "/usr/bin/chromium"
SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
IMAGES = REPOSITORY / "docs" / "images"
WIDE = {"width": 1280, "height": 760}
PHONE = {"width": 420, "height": 900}
BLOCKED_PERSON = "ben@example.com"

FLEET: Sequence[tuple[str, str, dict[str, str]]] = (
    ("ana@example.com", "ana-laptop", {}),
    (BLOCKED_PERSON, "support-07", {"usb_devices": "usb_stick"}),
    ("chloe@example.com", "support-12", {"wifi_security": "wifi_open"}),
    ("dev@example.com", "support-15", {"screen_lock": "lock_gnome_idle_delay_zero"}),
    ("emil@example.com", "emil-home", {}),
    ("fatima@example.com", "support-21", {"disk_encryption": "disk_plain_root"}),
    ("grace@partner.example", "partner-03", {"usb_devices": "usb_injector_with_storage"}),
    ("hiro@partner.example", "partner-04", {}),
    ("ines@partner.example", "partner-09", {"screen_lock": "lock_kde_after_30_minutes"}),
)
"""Owner, computer, and the signals in which it differs from a healthy one: from which machine."""


def report_all(server: RunningServer, client: httpx.Client) -> None:
    """Enrol the fleet and let each laptop report; the last one has not reported yet."""
    for owner, computer, changed in FLEET:
        readings = [
            reading
            for signal, machine in changed.items()
            for reading in readings_of(machine)
            if reading.signal == signal
        ]
        found = with_changed(*readings) if readings else healthy()
        enrolled(server, client, owner, found, computer_name=computer)
    enrolled(server, client, "jonas@partner.example", computer_name="partner-11")


def blocked_page(server: RunningServer, client: httpx.Client) -> str:
    """Ask the gate for a person who is kept out; return the address of the page that says why."""
    answer = client.post(
        "/access/v1/evaluation",
        json={
            "subject": {"type": "user", "id": BLOCKED_PERSON},
            "action": {"name": "login"},
            "resource": {"type": "application", "id": "Helpdesk"},
        },
        headers={"Authorization": f"Bearer {server.gate_token()}"},
    ).json()
    return str(answer["context"]["remedy_url"])


@contextmanager
def page_of(
    browser: Browser, *, dark: bool = False, phone: bool = False, cookies: Page | None = None
) -> Iterator[Page]:
    """Open a page; `cookies` lends its session."""
    context = browser.new_context(
        viewport=PHONE if phone else WIDE,  # type: ignore[arg-type]
        color_scheme="dark" if dark else "light",
        device_scale_factor=1.5,
    )
    if cookies is not None:
        context.add_cookies(cookies.context.cookies())  # type: ignore[arg-type]
    try:
        yield context.new_page()
    finally:
        context.close()


def take(page: Page, address: str, name: str, *, whole: bool = False) -> None:
    """Write the picture of an address."""
    page.goto(address)
    page.wait_for_load_state("load")
    page.screenshot(path=IMAGES / name, full_page=whole)
    print(f"docs/images/{name}")


def check_a_change(page: Page, address: str, name: str) -> None:
    """Write the picture of what a stricter policy would do, before it is published."""
    page.goto(address)
    editor = page.get_by_label("The policy, as TOML")
    editor.fill(editor.input_value().replace("lock_within_s = 600", "lock_within_s = 120"))
    page.get_by_role("button", name="Check this change").click()
    page.get_by_role("heading", name="What it would do").wait_for()
    page.screenshot(path=IMAGES / name)
    print(f"docs/images/{name}")


def main() -> int:
    """Take every picture."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_server(Path(folder) / "server") as server,
        server.client() as client,
        sync_playwright() as playwright,
    ):
        report_all(server, client)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(SWITCHES))
        with page_of(browser) as signed_in:
            signed_in.goto(server.sign_in_link())
            signed_in.get_by_role("button", name="Sign in").click()
            signed_in.wait_for_url("**/fleet")
            take(signed_in, f"{server.url}/fleet", "fleet.png")
            signed_in.get_by_role("link", name="support-07").click()
            signed_in.wait_for_url("**/fleet/devices/*")
            take(signed_in, signed_in.url, "device.png", whole=True)
            take(signed_in, f"{server.url}/usb", "usb.png")
            check_a_change(signed_in, f"{server.url}/policy", "policy.png")
            with page_of(browser, dark=True, cookies=signed_in) as dark:
                take(dark, f"{server.url}/fleet", "fleet-dark.png")
        stopped = blocked_page(server, client)
        with page_of(browser, phone=True) as phone:
            take(phone, stopped, "blocked.png")
        with page_of(browser, phone=True, dark=True) as dark_phone:
            take(dark_phone, stopped, "blocked-dark.png")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
