"""Policies as IT writes them: strict, wrong keys named, safe where nothing is said."""

import tomllib

import pytest

from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.platform import Platform
from passmuster_server.policy.default_document import default_document
from passmuster_server.policy.demands import JUDGED, Severity
from passmuster_server.policy.document import (
    MAX_DOCUMENT,
    Devices,
    Policy,
    parse,
)
from passmuster_server.policy.overlays import Subject
from tests.support.example_readings import USB


def field_of(document: str) -> str:
    with pytest.raises(ContractError) as caught:
        parse(document, 1)
    return caught.value.field


@pytest.fixture(scope="module")
def default() -> Policy:
    return parse(default_document(), 1)


def test_the_default_policy_blocks_by_the_signals_that_say_so_and_without_grace(
    default: Policy,
) -> None:
    blocking = {name for name, each in default.signals.items() if each.severity is Severity.BLOCK}
    assert blocking == {
        "disk_encryption",
        "wifi_security",
        "screen_lock",
        "usb_devices",
        "idle_logoff",
        "key_tier",
    }
    others = {name for name, each in default.signals.items() if each.severity is Severity.WARN}
    assert blocking | others == {signal.id for signal in JUDGED}
    assert {each.grace_s for each in default.signals.values()} == {0}


def test_the_default_policy_has_each_rooms_own_limits(default: Policy) -> None:
    for signal in JUDGED:
        assert default.signals[signal.id].limits == signal.limits(), signal.id


def test_the_default_policy_forgets_a_report_after_an_hour_and_wants_all_devices_to_pass(
    default: Policy,
) -> None:
    assert (default.max_age_s, default.devices) == (3600, Devices.ALL)


def test_the_default_document_says_every_setting_with_a_comment() -> None:
    lines = default_document().splitlines()
    for key in ("devices", "max_age_s", "report_within_s"):
        place = next(n for n, line in enumerate(lines) if line.startswith(f"{key} ="))
        assert lines[place - 1].startswith("#"), f"{key} is not explained"
    assert set(tomllib.loads(default_document())["signals"]) == {signal.id for signal in JUDGED}


def test_a_signal_that_is_not_named_is_shown_and_shuts_nobody_out() -> None:
    policy = parse("", 1)
    assert {each.severity for each in policy.signals.values()} == {Severity.WARN}


def test_a_signal_that_is_named_blocks_unless_it_says_otherwise() -> None:
    policy = parse(f"[signals.{USB}]\n", 1)
    assert policy.signals[USB].severity is Severity.BLOCK


def test_limits_alone_do_not_let_a_signal_block_that_a_fresh_policy_only_shows() -> None:
    policy = parse('[signals.remote_access.limits]\nallowed = ["teamviewer"]\n', 1)
    assert policy.signals["remote_access"].severity is Severity.WARN


def test_limits_are_those_of_the_signals_own_room() -> None:
    policy = parse(
        f'[[signals.{USB}.limits.known_devices]]\nvendor_id = "0781"\nproduct_id = "5581"\n', 1
    )
    assert [known.vendor_id for known in policy.signals[USB].limits.known_devices] == ["0781"]


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ("max_ages = 1", "max_ages"),
        ("max_age_s = 59", "max_age_s"),
        ("max_age_s = 3600.5", "max_age_s"),
        ('max_age_s = "1h"', "max_age_s"),
        ("max_age_s = 2026-01-01", "max_age_s"),
        ('devices = "some"', "devices"),
        ("max_age_s = 600\nreport_within_s = 601", "report_within_s"),
        ("[signals.coffee]", "signals.coffee"),
        (f'[signals.{USB}]\nseverity = "panic"', f"signals.{USB}.severity"),
        (f"[signals.{USB}]\ngrace_s = -1", f"signals.{USB}.grace_s"),
        (f"[signals.{USB}]\ngrace_s = 99999999", f"signals.{USB}.grace_s"),
        (f"[signals.{USB}.limits]\nsurprise = 1", f"signals.{USB}.limits.surprise"),
        (
            f'[signals.{USB}.limits]\nforbid_indicators = "no"',
            f"signals.{USB}.limits.forbid_indicators",
        ),
        (f"signals.{USB} = 3", f"signals.{USB}"),
        ("signals = 3", "signals"),
    ],
)
def test_a_mistake_is_named_by_its_key(document: str, field: str) -> None:
    assert field_of(document) == field


def test_what_is_not_toml_is_refused_with_its_line() -> None:
    with pytest.raises(ContractError, match="line 2"):
        parse("\n= 3", 1)


def test_a_document_has_a_size() -> None:
    with pytest.raises(ContractError, match="larger than"):
        parse("#" * (MAX_DOCUMENT + 1), 1)


def test_another_document_or_version_is_another_basis(default: Policy) -> None:
    others = {
        parse(default_document(), 2).basis,
        parse(default_document() + "\n# a word\n", 1).basis,
        default.basis,
    }
    assert len(others) == 3
    assert parse(default_document(), 1).basis == default.basis


def test_a_table_of_one_system_counts_there_setting_by_setting() -> None:
    policy = parse(
        f"""
        [signals.{USB}]
        severity = "block"
        grace_s = 60
        [signals.{USB}.limits]
        forbid_unknown_keyboard = false
        [platforms.windows.signals.{USB}]
        severity = "warn"
        [platforms.windows.signals.{USB}.limits]
        forbid_unknown_storage = false
        """,
        1,
    )
    windows = policy.demanded(USB, Subject(Platform.WINDOWS))
    assert (windows.severity, windows.grace_s) == (Severity.WARN, 60)
    assert not windows.limits.forbid_unknown_storage
    assert not windows.limits.forbid_unknown_keyboard, "what holds everywhere holds there too"
    linux = policy.demanded(USB, Subject(Platform.LINUX))
    assert linux.severity is Severity.BLOCK
    assert linux.limits.forbid_unknown_storage
    lock = policy.demanded("screen_lock", Subject(Platform.WINDOWS))
    assert lock == policy.signals["screen_lock"]


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ("[platforms.amiga]", "platforms.amiga"),
        ("[platforms.linux]\nx = 1", "platforms.linux.x"),
        ("[platforms.linux.signals.moon]", "platforms.linux.signals.moon"),
        (
            f'[platforms.linux.signals.{USB}]\nseverity = "maybe"',
            f"platforms.linux.signals.{USB}.severity",
        ),
        (
            f"[platforms.linux.signals.{USB}.limits]\nx = 1",
            f"platforms.linux.signals.{USB}.limits.x",
        ),
        (f"[platforms.linux.signals.{USB}]\nlimits = 7", f"platforms.linux.signals.{USB}.limits"),
        ("platforms = 7", "platforms"),
        ("[platforms]\nlinux = 7", "platforms.linux"),
    ],
)
def test_a_mistake_in_a_table_of_one_system_is_named(document: str, field: str) -> None:
    assert field_of(document) == field
