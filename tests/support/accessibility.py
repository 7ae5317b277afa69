"""What axe-core, which others wrote, finds wrong with a page by the rules of WCAG 2.2 AA."""

import contextlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Page, ViewportSize

import passmuster_server
from passmuster_server.web.pages import Pages
from tests.support.npm import installed

SERVER = Path(passmuster_server.__file__).parent

SOURCE = Path(__file__).parent / "axe_core"
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
DESK: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 320, "height": 740}
"""As narrow as WCAG 1.4.10 has it."""
Scheme = Literal["light", "dark"]
LOOKS: tuple[tuple[Scheme, ViewportSize], ...] = (
    ("light", DESK),
    ("dark", DESK),
    ("light", PHONE),
    ("dark", PHONE),
)

# The size of what is clicked is a rule of WCAG 2.2's, which axe leaves off unless it is asked for.
_RUN = """
async (tags) => {
  const rules = { "target-size": { enabled: true } };
  return (await axe.run({ runOnly: tags, rules })).violations;
}
"""
# Nothing has to be scrolled in two directions (WCAG 1.4.10), unless it stands in a box of its own.
_TOO_WIDE = """
() => {
  const seen = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= seen) return [];
  const wide = [...document.querySelectorAll("body *")].filter(
    (each) => each.getBoundingClientRect().right > seen + 0.5 && !each.closest(".scroll"),
  );
  return wide.map((each) => each.outerHTML.slice(0, 120)).slice(-3);
}
"""
_TEMPLATE = """
() => {
  const last = document.lastChild;
  return last.nodeType === Node.COMMENT_NODE ? last.data.trim() : "";
}
"""


def name_of(template: Path) -> str:
    """Return what a template is called here: its area and its own name, `fleet/device.html`."""
    area = template.parent.parent.relative_to(SERVER)
    return f"{area.as_posix()}/{template.name}"


@contextlib.contextmanager
def named_pages() -> Iterator[None]:
    """Let each page of a server in this process tell its template in a comment at its end."""
    text = Pages.text

    def named(pages: Pages, template: str, **values: Any) -> str:
        path = pages._environment.get_template(template).filename
        page = text(pages, template, **values)
        own = path is not None and SERVER in Path(path).parents
        return f"{page}<!-- {name_of(Path(path))} -->" if own and path else page

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pages, "text", named)
        yield


@cache
def _axe() -> str:
    path = installed(SOURCE, "axe-core") / "node_modules" / "axe-core" / "axe.min.js"
    return path.read_text(encoding="utf-8")


def expect_no_faults(page: Page, template: str = "") -> None:
    """Fail with all that is wrong with the page, light and dark, at a desk and on a telephone.

    It has to be a page of `template`, where one is named.
    """
    found = faults(page)
    if template:
        shown = page.evaluate(_TEMPLATE)
        assert shown == template, f"expected a page of {template}, not of {shown or 'none of ours'}"
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
        if wide := page.evaluate(_TOO_WIDE):
            found.append(f"{look}: reflow: wider than the screen: {'; '.join(wide)}")
    return found


def _told(look: str, violation: dict[str, Any]) -> str:
    places = [
        f"{' '.join(map(str, node['target']))}: {' '.join(node['failureSummary'].split())}"
        for node in violation["nodes"][:3]
    ]
    return f"{look}: {violation['id']}: {violation['help']} at {'; '.join(places)}"
