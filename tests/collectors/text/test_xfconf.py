"""Xfce's settings files."""

import pytest

from passmuster_collectors.text import xfconf
from passmuster_collectors.text.xfconf import Lock, Property


def channel(inner: str, attributes: str = "") -> bytes:
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    return f'{head}<channel name="test" version="1.0" {attributes}>{inner}</channel>'.encode()


def prop(name: str, inner: str = "", *, attributes: str = 'type="empty"') -> str:
    return f'<property name="{name}" {attributes}>{inner}</property>'


def test_properties_are_found_by_their_full_names() -> None:
    inner = prop("saver", prop("enabled", attributes='type="bool" value="false"'))
    assert xfconf.parse(channel(inner)).properties == {"/saver/enabled": Property("bool", "false")}


def test_a_property_can_have_a_value_and_properties_below_it() -> None:
    inner = prop(
        "a", prop("b", attributes='type="int" value="2"'), attributes='type="int" value="1"'
    )
    assert {name: each.value for name, each in xfconf.parse(channel(inner)).properties.items()} == {
        "/a": "1",
        "/a/b": "2",
    }


@pytest.mark.parametrize(
    ("lock", "holds"),
    [
        (Lock("ana;ben"), True),
        (Lock("ben"), False),
        (Lock("*"), False),
        (Lock(unlocked="ben"), True),
        (Lock(unlocked="ana"), False),
        (Lock("ana", "ana"), False),
        (Lock(), False),
    ],
)
def test_a_lock_names_who_is_locked_or_who_alone_is_free(lock: Lock, holds: bool) -> None:
    assert lock.holds_for("ana") is holds


def test_channels_and_properties_have_locks_of_their_own() -> None:
    inner = prop("delay", attributes='type="int" value="5" locked="ana"')
    found = xfconf.parse(channel(inner, 'unlocked="root"'))
    assert found.lock == Lock(unlocked="root")
    assert found.properties["/delay"].lock == Lock("ana")


def test_what_groups_decide_is_not_guessed() -> None:
    with pytest.raises(ValueError, match="groups"):
        Lock("@staff").holds_for("ana")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<channel",
        b"<other/>",
        b"\xff\xfe<channel/>",
        b'<!DOCTYPE c [<!ENTITY a "b">]><channel>&a;</channel>',
        channel("<property>" * 100 + "</property>" * 100),
    ],
)
def test_what_is_not_a_channel_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        xfconf.parse(content)
