"""Which start of a laptop can be trusted."""

import pytest

from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.signals.secure_boot.facts import (
    Firmware,
    Lockdown,
    Mode,
    SecureBootFacts,
)
from passmuster_collectors.signals.secure_boot.rule import SecureBootLimits, judge
from passmuster_collectors.signals.signal import worst

DEFAULT = SecureBootLimits()


def outcome(facts: SecureBootFacts, limits: SecureBootLimits = DEFAULT) -> Outcome:
    return worst(found.outcome for found in judge(facts, limits))


def uefi(mode: Mode, lockdown: Lockdown = Lockdown.INTEGRITY) -> SecureBootFacts:
    return SecureBootFacts(Firmware.UEFI, mode, lockdown)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (Mode.ENFORCED, Outcome.PASS),
        (Mode.BYPASSED, Outcome.FAIL),
        (Mode.SETUP, Outcome.FAIL),
        (Mode.OFF, Outcome.FAIL),
        (Mode.UNKNOWN, Outcome.UNKNOWN),
    ],
)
def test_only_an_enforced_check_passes(mode: Mode, expected: Outcome) -> None:
    assert outcome(uefi(mode)) is expected


def test_a_mac_may_run_with_reduced_security_unless_policy_says_otherwise() -> None:
    mac = SecureBootFacts(Firmware.APPLE, Mode.REDUCED, None)
    assert outcome(mac) is Outcome.PASS
    assert outcome(mac, SecureBootLimits(allow_reduced=False)) is Outcome.FAIL


def test_a_laptop_without_uefi_fails_unless_policy_allows_old_ones() -> None:
    old = SecureBootFacts(Firmware.OTHER, Mode.OFF, Lockdown.NONE)
    assert outcome(old) is Outcome.FAIL
    assert outcome(old, SecureBootLimits(allow_other_firmware=True)) is Outcome.PASS


@pytest.mark.parametrize(
    ("lockdown", "expected"),
    [
        (Lockdown.INTEGRITY, Outcome.PASS),
        (Lockdown.CONFIDENTIALITY, Outcome.PASS),
        (Lockdown.NONE, Outcome.FAIL),
        (Lockdown.UNKNOWN, Outcome.UNKNOWN),
    ],
)
def test_lockdown_counts_where_policy_asks_for_it(lockdown: Lockdown, expected: Outcome) -> None:
    facts = uefi(Mode.ENFORCED, lockdown)
    assert outcome(facts) is Outcome.PASS
    assert outcome(facts, SecureBootLimits(require_lockdown=True)) is expected
