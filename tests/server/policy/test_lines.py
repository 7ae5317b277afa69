"""A mistake in a document is told with its line."""

import pytest

from passmuster_server.policy.document import DocumentError, parse
from passmuster_server.policy.lines import line_of

DOCUMENT = """\
# A comment with a = sign
max_age_s = 3600

[signals.screen_lock]
severity = "block" # not = here
limits.lock_within_s = 600

[groups."Night \\"shift\\"".signals.usb_devices.limits]
forbid_indicators = true
[[groups."Night \\"shift\\"".signals.usb_devices.limits.known_devices]]
vendor_id = "0781"
[[groups."Night \\"shift\\"".signals.usb_devices.limits.known_devices]]
vendor_id = "046d"
"""
NIGHT = 'groups."Night \\"shift\\"".signals.usb_devices'


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("max_age_s", 2),
        ("signals.screen_lock", 4),
        ("signals.screen_lock.severity", 5),
        ("signals.screen_lock.limits.lock_within_s", 6),
        ("signals.screen_lock.grace_s", 4),
        (f"{NIGHT}.limits.forbid_indicators", 9),
        (f"{NIGHT}.limits.known_devices[0].vendor_id", 11),
        (f"{NIGHT}.limits.known_devices[1].vendor_id", 13),
        (f"{NIGHT}.limits.known_devices[1].product_id", 12),
        ("devices", None),
    ],
)
def test_a_key_is_found_or_else_the_table_around_it(key: str, line: int | None) -> None:
    assert line_of(DOCUMENT, key) == line


def test_a_mistake_tells_line_and_key() -> None:
    with pytest.raises(DocumentError) as caught:
        parse("\n\n[signals.screen_lock.limits]\nlock_within_s = 1\n", 1)
    assert str(caught.value).startswith("line 4: signals.screen_lock.limits.lock_within_s: not")
