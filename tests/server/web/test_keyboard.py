"""Everything is done by the keyboard alone: Tab and Enter, what is typed, and arrows in a list."""

from playwright.sync_api import Locator, Page, expect

from tests.support.example_site import Site

CONTROLS = """
(() => {
  const all = document.querySelectorAll("a[href], button, input, select, summary");
  return [...all].filter((each) => each.checkVisibility({ visibilityProperty: true }));
})
"""
FOCUSED = f"""
() => {{
  const style = getComputedStyle(document.activeElement);
  const drawn = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  return [{CONTROLS}().indexOf(document.activeElement), drawn];
}}
"""


def go_to(page: Page, control: Locator) -> None:
    """Press Tab until the control has the focus; something has to show that it has it."""
    expect(control).to_be_visible()
    for _ in range(2 * page.evaluate(f"{CONTROLS}().length") + 10):
        if control.evaluate("(control) => control === document.activeElement"):
            _, outlined = page.evaluate(FOCUSED)
            assert outlined, f"nothing shows that {control} has the focus"
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {control}")


def enter(page: Page, control: Locator) -> None:
    """Go to the control and press Enter."""
    go_to(page, control)
    page.keyboard.press("Enter")


def tick(page: Page, control: Locator) -> None:
    """Go to the box and press the space bar."""
    go_to(page, control)
    page.keyboard.press("Space")
    expect(control).to_be_checked()


def type_in(page: Page, control: Locator, text: str) -> None:
    """Go to the field and type over what is in it."""
    go_to(page, control)
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.insert_text(text)


def test_everything_on_a_laptop_s_page_is_reached_by_tab_and_shows_it(
    site: Site, console: Page
) -> None:
    console.goto(site.url(f"/fleet/devices/{site.device}"))
    controls, reached = console.evaluate(f"{CONTROLS}().length"), set()
    for _ in range(2 * controls):
        console.keyboard.press("Tab")
        control, outlined = console.evaluate(FOCUSED)
        if control >= 0:
            assert outlined, f"nothing shows that control {control} has the focus"
            reached.add(control)
    assert reached == set(range(controls))


def test_a_day_of_it(site: Site, page: Page) -> None:
    made = site.server.command("create-admin", "--email", "keys@example.com")
    page.goto(made.stdout.split()[-1])
    enter(page, page.get_by_role("button", name="Sign in", exact=True))
    page.wait_for_url("**/fleet")

    # A laptop is found, and a finding waived.
    type_in(page, page.get_by_role("searchbox"), "ben")
    page.keyboard.press("Enter")
    page.wait_for_url("**search=ben*")
    enter(page, page.get_by_role("link", name="ben-laptop"))
    page.wait_for_url("**/fleet/devices/*")
    go_to(page, page.get_by_label("Let this shut nobody out"))
    page.keyboard.type("Wi-Fi")
    type_in(page, page.get_by_label("For days"), "3")
    type_in(page, page.get_by_label("Because (goes on record)"), "No mouse at hand")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Wi-Fi security is waived until")).to_be_visible()
    enter(page, page.get_by_role("button", name="End this waiver"))
    expect(page.get_by_role("button", name="End this waiver")).to_have_count(0)

    # A USB device is forbidden.
    enter(page, page.get_by_role("link", name="USB devices"))
    page.wait_for_url("**/usb")
    type_in(page, page.get_by_label("Because").first, "Nobody knows it")
    enter(page, page.get_by_role("button", name="Forbid").first)
    expect(page.get_by_role("cell", name="Nobody knows it")).to_be_visible()

    # A rule is changed, looked at, and published.
    enter(page, page.get_by_role("link", name="Policy", exact=True))
    page.wait_for_url("**/policy")
    editor = page.get_by_role("textbox", name="The policy, as TOML")
    type_in(page, editor, f"report_within_s = 900\n{editor.input_value()}")
    enter(page, page.get_by_role("button", name="Check this change"))
    type_in(page, page.get_by_role("textbox", name="What it is for"), "A test of keys")
    enter(page, page.get_by_role("button", name="Put it in force"))
    page.wait_for_url("**/policy")
    expect(page.get_by_text("Version 3 is in force")).to_be_visible()

    enter(page, page.get_by_role("button", name="Sign out", exact=True))
    page.wait_for_url("**/sign-in")


def test_a_worker_who_is_kept_out_asks_again(site: Site, page: Page) -> None:
    page.goto(site.authorize("ana@example.com"))
    before = page.evaluate("performance.timeOrigin")
    enter(page, page.get_by_role("link", name="Check again"))
    page.wait_for_function("(before) => performance.timeOrigin !== before", arg=before)
    expect(page.get_by_role("link", name="Check again")).to_be_visible()
    enter(page, page.get_by_role("link", name="Deutsch"))
    expect(page.locator("html")).to_have_attribute("lang", "de")
