"""A real Chromium, headless, and what its console and its content policy complain of."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from tests.support.tools import missing

# Two other suites may have the machine as well.
expect.set_options(timeout=30_000)

CHROMIUM = Path("/usr/bin/chromium")
SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Browsing:
    """One browser profile. `complaints` are errors of the console, of scripts and of requests."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.complaints: list[str] = []

    def page(self) -> Page:
        """Open a page."""
        page = self.context.new_page()
        page.on("console", lambda message: self._told(message.type, message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("requestfailed", lambda request: self._failed(request.url, request.failure))
        return page

    def _told(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)

    def _failed(self, url: str, failure: Any) -> None:
        # Leaving a page ends what it was still loading, such as its stream of events.
        if failure != "net::ERR_ABORTED":
            self.complaints.append(f"{url}: {failure}")


@contextlib.contextmanager
def browsing(*switches: str, **options: Any) -> Iterator[Browsing]:
    """Run a browser with more `switches`; `options` are playwright's for a context."""
    if not CHROMIUM.exists():
        missing(f"{CHROMIUM} is not installed; .ci/packages.txt lists its package")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*SWITCHES, *switches])
        try:
            yield Browsing(browser.new_context(**options))
        finally:
            browser.close()
