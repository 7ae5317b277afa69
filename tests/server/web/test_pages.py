import re
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from passmuster_server.web.assets import ASSETS
from passmuster_server.web.pages import CONTENT_SECURITY_POLICY, Pages


@pytest.fixture
def pages(tmp_path: Path) -> Pages:
    (tmp_path / "name.html").write_text("<p>{{ name }}</p>")
    (tmp_path / "attribute.html").write_text('<a title="{{ name }}">x</a>')
    return Pages(tmp_path)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("{{ 7 * 7 }}{% raw %}", "{{ 7 * 7 }}{% raw %}"),
        ("a & b", "a &amp; b"),
        ("exe\u202egnp", "exe\N{REPLACEMENT CHARACTER}gnp"),
        ("\u2067hidden\u2069", "\N{REPLACEMENT CHARACTER}hidden\N{REPLACEMENT CHARACTER}"),
        ("日本語 مكتب", "日本語 مكتب"),
    ],
)
def test_a_value_is_text(pages: Pages, name: str, shown: str) -> None:
    assert pages.text("name.html", name=name) == f"<p>{shown}</p>"


def test_a_value_can_not_leave_its_attribute(pages: Pages) -> None:
    text = pages.text("attribute.html", name='" onclick="alert(1)')
    assert text == '<a title="&#34; onclick=&#34;alert(1)">x</a>'


def test_a_value_that_was_forgotten_is_a_mistake_and_no_gap(pages: Pages) -> None:
    with pytest.raises(UndefinedError):
        pages.text("name.html")


def test_every_page_has_the_strict_headers(pages: Pages) -> None:
    headers = pages.response("name.html", name="x").headers
    assert headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


def test_the_policy_allows_our_own_and_nothing_else() -> None:
    rules = dict(rule.strip().split(" ", 1) for rule in CONTENT_SECURITY_POLICY.split(";"))
    assert rules["default-src"] == "'none'"
    assert set(rules.values()) == {"'none'", "'self'"}
    assert rules["frame-ancestors"] == rules["base-uri"] == "'none'"


def test_no_asset_refers_to_another_machine() -> None:
    for name, asset in ASSETS.items():
        text = asset.content.decode("utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "://" not in text, name
        assert "@import" not in text, name


def test_no_template_has_a_style_or_a_script_of_its_own() -> None:
    server = Path(__file__).parents[3] / "server" / "passmuster_server"
    templates = [
        path for path in server.rglob("templates/*.html") if path.name != "worker_base.html"
    ]
    assert len(templates) > 5
    for path in templates:
        text = path.read_text(encoding="utf-8")
        assert "style=" not in text, path
        assert "<style" not in text, path
        assert not re.search(r"\son\w+=", text), path
        assert "<script>" not in text, path
        assert "| safe" not in text, path
