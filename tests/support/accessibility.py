"""What axe-core, which others wrote, finds wrong with a page by the rules of WCAG 2.2 AA."""

from functools import cache
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Page, ViewportSize

from tests.support.npm import installed

SOURCE = Path(__file__).parent / "axe_core"
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
DESK: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 360, "height": 740}
Scheme = Literal["light", "dark"]
LOOKS: tuple[tuple[Scheme, ViewportSize], ...] = (("light", DESK), ("dark", DESK), ("light", PHONE))

# The size of what is clicked is a rule of WCAG 2.2's, which axe leaves off unless it is asked for.
_RUN = """
async (tags) => {
  const rules = { "target-size": { enabled: true } };
  return (await axe.run({ runOnly: tags, rules })).violations;
}
"""


@cache
def _axe() -> str:
    path = installed(SOURCE, "axe-core") / "node_modules" / "axe-core" / "axe.min.js"
    return path.read_text(encoding="utf-8")


def expect_no_faults(page: Page) -> None:
    """Fail with all that is wrong with the page, light and dark and on a telephone."""
    found = faults(page)
    assert not found, "\n".join(found)


def faults(page: Page) -> list[str]:
    """Return what is wrong with the page, with everything on it unfolded."""
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    page.evaluate(_axe())
    found = []
    for scheme, viewport in LOOKS:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(viewport)
        look = f"{scheme}, {viewport['width']} px"
        found += [_told(look, each) for each in page.evaluate(_RUN, list(TAGS))]
    return found


def _told(look: str, violation: dict[str, Any]) -> str:
    places = [
        f"{' '.join(map(str, node['target']))}: {' '.join(node['failureSummary'].split())}"
        for node in violation["nodes"][:3]
    ]
    return f"{look}: {violation['id']}: {violation['help']} at {'; '.join(places)}"
