"""The colours of the pages can be told apart by everyone (WCAG 2.2, level AA)."""

import re

import pytest

from passmuster_server.web.assets import FOLDER

TOKENS = (FOLDER / "tokens.css").read_text(encoding="utf-8")
LIGHT, DARK = TOKENS.split("@media (prefers-color-scheme: dark)")

TEXTS = [
    *((ink, ground) for ink in ("ink", "ink-soft", "accent") for ground in ("page", "surface")),
    ("ink", "sunken"),
    ("accent-ink", "accent"),
    ("accent-ink", "accent-hover"),
    ("accent-hover", "surface"),
    *((tone, f"{tone}-soft") for tone in ("good", "warn", "bad", "unsure")),
]


def colours(sheet: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", sheet))


def luminance(colour: str) -> float:
    def linear(channel: float) -> float:
        return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_computed_as_the_standard_says() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), TEXTS)
def test_text_stands_out_from_its_ground(scheme: str, text: str, ground: str) -> None:
    found = colours(scheme)
    ratio = contrast(found[text], found[ground])
    assert ratio >= 4.5, f"{text} on {ground}: {ratio:.2f}, wanted 4.5"


def test_both_schemes_name_the_same_colours() -> None:
    assert colours(LIGHT).keys() == colours(DARK).keys()
