"""What servers tell each other fits into PostgreSQL's notices, and nothing else is believed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passmuster_server import notices
from passmuster_server.notices import Notice

DEVICES = st.lists(st.tuples(st.text(max_size=64), st.text(max_size=64)), max_size=400, unique=True)


@given(DEVICES)
def test_every_device_is_told_once_in_payloads_that_fit(devices: list[tuple[str, str]]) -> None:
    payloads = list(notices._payloads(devices))
    told = [device for payload in payloads for device in notices.read(payload).moved]
    assert told == devices
    assert all(len(payload.encode()) < 8_000 for payload in payloads)


def test_a_change_names_its_device_or_the_policy() -> None:
    assert notices.read('{"changed": ["default", "d1"]}') == Notice(changed=("default", "d1"))
    assert notices.read('{"changed": ["default", null]}') == Notice(changed=("default", None))


def test_what_was_moved_says_by_which_server() -> None:
    (payload,) = notices._payloads([("default", "d1")], "one of two")
    assert notices.read(payload) == Notice((("default", "d1"),), None, "one of two")
    assert notices.read('{"moved": [["default", "d1"]]}').by == "", "a server of an older version"


@pytest.mark.parametrize(
    "payload",
    ["", "nonsense", "[]", "7", '{"moved": 7}', '{"moved": [["one"]]}', '{"changed": []}'],
)
def test_anything_else_is_refused(payload: str) -> None:
    with pytest.raises(ValueError, match="not a notice"):
        notices.read(payload)
