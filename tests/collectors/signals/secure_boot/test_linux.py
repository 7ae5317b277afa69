"""The firmware's variables and the kernel's lockdown, byte for byte."""

import pytest

from passmuster_collectors.host.base import SourceConflictError
from passmuster_collectors.signals.secure_boot.facts import Lockdown
from passmuster_collectors.signals.secure_boot.linux import parse_lockdown, parse_switch

ATTRIBUTES = b"\x06\x00\x00\x00"


def test_the_value_of_a_variable_comes_after_its_attributes() -> None:
    assert parse_switch("SecureBoot", ATTRIBUTES + b"\x01") is True
    assert parse_switch("SecureBoot", ATTRIBUTES + b"\x00") is False


@pytest.mark.parametrize("content", [b"", b"\x01", ATTRIBUTES, ATTRIBUTES + b"\x02", b"\x06" * 9])
def test_any_other_content_is_a_conflict(content: bytes) -> None:
    with pytest.raises(SourceConflictError):
        parse_switch("SecureBoot", content)


@pytest.mark.parametrize(
    ("content", "level"),
    [
        (b"[none] integrity confidentiality\n", Lockdown.NONE),
        (b"none [integrity] confidentiality\n", Lockdown.INTEGRITY),
        (b"none integrity [confidentiality]\n", Lockdown.CONFIDENTIALITY),
    ],
)
def test_the_level_of_lockdown_is_the_one_in_brackets(content: bytes, level: Lockdown) -> None:
    assert parse_lockdown(content) is level


@pytest.mark.parametrize(
    "content", [b"", b"none integrity", b"[unknown]", b"[total] none", b"\xff"]
)
def test_no_level_in_brackets_is_a_conflict(content: bytes) -> None:
    with pytest.raises(SourceConflictError):
        parse_lockdown(content)
