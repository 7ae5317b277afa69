"""What a worker sees of the steps of the pages that check a laptop."""

from typing import cast

import pytest
from playwright.sync_api import Page

from tests.support.accessibility import DESK, PHONE
from tests.support.browser import browsing
from tests.support.clocked_server import ClockedServer
from tests.support.proving import WANT

# The parts of a step that take room, from top to bottom: the least space between two of them. A
# noscript stands in a box of its own only where it is shown, which is without scripts.
_SPACE = """
() => {
  const [step, ...others] = [...document.querySelectorAll("[data-step]")].filter(
    (each) => each.getBoundingClientRect().height > 0,
  );
  if (others.length > 0) return -1;
  const boxes = [...step.children]
    .map((each) => each.getBoundingClientRect())
    .filter((box) => box.height > 0);
  return Math.min(...boxes.slice(1).map((box, i) => box.top - boxes[i].bottom));
}
"""
SPACE_PX = 16


def space_in_the_step(page: Page) -> float:
    """Return the least space in pixels between two parts of the one step that is shown.

    Less than nothing where a step is shown that is not on.
    """
    return cast(float, page.evaluate(_SPACE))


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
@pytest.mark.parametrize("screen", [DESK, PHONE], ids=["desk", "telephone"])
def test_the_parts_of_a_step_stand_apart_and_other_steps_stay_hidden(
    server: ClockedServer, scripts: bool, screen: dict[str, int]
) -> None:
    with browsing(java_script_enabled=scripts, viewport=screen) as browser:
        page = browser.page()
        page.goto(server.url + WANT)
        assert space_in_the_step(page) == pytest.approx(SPACE_PX), "at what is clicked"
        page.get_by_role("link", name="Confirm at your laptop by a number").click()
        page.locator("output").wait_for()
        assert space_in_the_step(page) == pytest.approx(SPACE_PX), "at the number"
