"""A site with every page, and browsers: an administrator's, and one that nobody is known to."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.support.browser import Browsing, browsing
from tests.support.example_site import Site, running_site, sign_in


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="module")
def administrator(site: Site) -> Iterator[Browsing]:
    """A browser in which an administrator has signed in."""
    with browsing() as opened:
        page = opened.page()
        sign_in(page, site.server)
        page.close()
        yield opened


@pytest.fixture
def console(administrator: Browsing) -> Iterator[Page]:
    opened = administrator.page()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def stranger(administrator: Browsing) -> Iterator[Browsing]:
    """A browser that nobody has signed in with, in the same program."""
    program = administrator.context.browser
    assert program is not None
    context = program.new_context()
    yield Browsing(context)
    context.close()


@pytest.fixture
def page(stranger: Browsing) -> Iterator[Page]:
    opened = stranger.page()
    yield opened
    opened.close()
    stranger.context.clear_cookies()
