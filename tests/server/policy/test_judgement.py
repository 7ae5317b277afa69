"""From readings and a policy to a verdict: unknown is never a pass."""

import dataclasses
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.canonical import canonical_bytes
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.reading import Reading, Status, unavailable
from passmuster_collectors.contract.verdict import Outcome, Verdict
from passmuster_collectors.signals import CATALOG
from passmuster_collectors.signals.firewall.facts import FirewallFacts, Inbound
from passmuster_collectors.signals.usb_devices.facts import Indicator, UsbDevicesFacts
from passmuster_server.policy.default_document import default_document
from passmuster_server.policy.demands import Severity
from passmuster_server.policy.document import Policy, parse
from passmuster_server.policy.judgement import (
    MAX_REASONS,
    MAX_TEXT,
    NOT_REPORTED,
    NOT_UNDERSTOOD,
    Judged,
    judge_device,
)
from passmuster_server.policy.overlays import Subject
from passmuster_server.policy.standing import SignalStanding
from passmuster_server.policy.store import MAX_KNOWN, read_signals, write_signals
from tests.support.example_readings import MOUSE, STICK, USB, healthy, reading, replaced, with_stick

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
DEFAULT = parse(default_document(), 1)
ALL_BLOCK = parse("".join(f'[signals.{each.id}]\nseverity = "block"\n' for each in CATALOG), 1)
LAPTOP = Subject(Platform.LINUX)
GRACE_S = 600


def judged(
    readings: Iterable[Reading],
    policy: Policy = DEFAULT,
    before: tuple[SignalStanding, ...] = (),
    at: datetime = NOW,
    subject: Subject = LAPTOP,
) -> Judged:
    by_signal = {each.signal: each for each in readings}
    return judge_device(by_signal, policy, subject, before, at)


def with_usb(severity: Severity = Severity.BLOCK, grace_s: int = 0) -> Policy:
    usb = dataclasses.replace(DEFAULT.signals[USB], severity=severity, grace_s=grace_s)
    return dataclasses.replace(DEFAULT, signals={**DEFAULT.signals, USB: usb})


def usb_of(found: Judged) -> SignalStanding:
    return next(each for each in found.signals if each.signal == USB)


def test_a_healthy_laptop_passes_the_default_policy() -> None:
    found = judged(healthy(NOW))
    assert found.verdict is Verdict.COMPLIANT, [each.reasons for each in found.signals]
    assert [each.signal for each in found.signals] == [signal.id for signal in CATALOG]


def test_one_failing_signal_is_enough() -> None:
    found = judged(with_stick(NOW))
    assert found.verdict is Verdict.NON_COMPLIANT
    assert usb_of(found).outcome is Outcome.FAIL
    assert usb_of(found).failing_since == NOW


@pytest.mark.parametrize("signal", [signal.id for signal in CATALOG])
def test_a_signal_that_could_not_be_read_never_passes(signal: str) -> None:
    hidden = unavailable(signal, NOW, "It was denied.", ())
    assert judged(replaced(healthy(NOW), hidden), ALL_BLOCK).verdict is Verdict.NON_COMPLIANT


@pytest.mark.parametrize("signal", [signal.id for signal in CATALOG])
def test_a_signal_that_was_not_reported_never_passes(signal: str) -> None:
    found = judged((each for each in healthy(NOW) if each.signal != signal), ALL_BLOCK)
    assert found.verdict is Verdict.NON_COMPLIANT
    (reason,) = next(each for each in found.signals if each.signal == signal).reasons
    assert NOT_REPORTED in reason.worker + reason.admin


def test_a_laptop_of_which_nothing_is_known_does_not_pass() -> None:
    assert judged(()).verdict is Verdict.NON_COMPLIANT


def test_facts_that_another_version_stored_are_unknown() -> None:
    old = dataclasses.replace(healthy(NOW)[0], facts={"of": "another version"})
    found = judged(replaced(healthy(NOW), old))
    assert found.verdict is Verdict.NON_COMPLIANT
    (reason,) = found.signals[0].reasons
    assert NOT_UNDERSTOOD in reason.worker + reason.admin


def test_a_warning_is_shown_and_shuts_nobody_out() -> None:
    found = judged(with_stick(NOW), with_usb(Severity.WARN))
    assert found.verdict is Verdict.COMPLIANT
    assert usb_of(found).outcome is Outcome.FAIL
    assert not usb_of(found).blocking


def test_what_is_off_is_not_looked_at() -> None:
    found = judged(with_stick(NOW), with_usb(Severity.OFF))
    assert found.verdict is Verdict.COMPLIANT
    assert USB not in [each.signal for each in found.signals]


def test_grace_lasts_from_the_first_failing_report() -> None:
    policy = with_usb(grace_s=GRACE_S)
    first = judged(with_stick(NOW), policy)
    end = NOW + timedelta(seconds=GRACE_S)
    assert (first.verdict, first.grace_until) == (Verdict.GRACE, end)
    later = judged(with_stick(), policy, first.signals, NOW + timedelta(seconds=300))
    assert (later.verdict, later.grace_until) == (Verdict.GRACE, end), "a new report buys no time"
    over = judged(with_stick(), policy, later.signals, end)
    assert over.verdict is Verdict.NON_COMPLIANT


def test_grace_begins_anew_after_the_laptop_was_healthy() -> None:
    policy = with_usb(grace_s=GRACE_S)
    failed = judged(with_stick(NOW), policy)
    mended = judged(healthy(), policy, failed.signals, NOW + timedelta(hours=1))
    assert usb_of(mended).failing_since is None
    again = judged(with_stick(), policy, mended.signals, NOW + timedelta(hours=2))
    assert again.grace_until == NOW + timedelta(hours=2, seconds=GRACE_S)


def test_the_grace_of_one_signal_does_not_help_another() -> None:
    other = next(signal.id for signal in CATALOG if signal.id != USB)
    hidden = unavailable(other, NOW, "It was denied.", ())
    found = judged(replaced(with_stick(NOW), hidden), with_usb(grace_s=GRACE_S))
    assert found.verdict is Verdict.NON_COMPLIANT


def test_reasons_are_bounded_worst_first_and_can_be_stored() -> None:
    unclear = dataclasses.replace(MOUSE, keyboard="unknown")
    evil = dataclasses.replace(STICK, name="é" * 128, keyboard=True, indicators=tuple(Indicator))
    facts = UsbDevicesFacts((*(unclear for _ in range(28)), *(evil for _ in range(100))))
    found = judged(replaced(healthy(NOW), reading(USB, facts, NOW)))
    reasons = usb_of(found).reasons
    assert len(reasons) == MAX_REASONS
    assert {reason.outcome for reason in reasons} == {Outcome.FAIL}
    assert max(len(reason.worker) for reason in reasons) <= MAX_TEXT
    assert read_signals(write_signals(found.signals)) == found.signals


def test_a_clock_that_was_set_back_begins_no_grace() -> None:
    first = judged(with_stick(), with_usb())
    again = judged(with_stick(), with_usb(), first.signals, NOW - timedelta(minutes=30))
    assert again.verdict is Verdict.NON_COMPLIANT


def test_what_was_judged_by_one_policy_is_not_taken_for_what_another_says() -> None:
    mild, strict = (
        parse(f"[signals.screen_lock]\nlimits.lock_within_s = {longest}\n", version)
        for version, longest in ((1, 900), (2, 60))
    )
    verdicts = [judged(healthy(NOW), each).verdict for each in (mild, strict, mild)]
    assert verdicts == [Verdict.COMPLIANT, Verdict.NON_COMPLIANT, Verdict.COMPLIANT]


def test_the_same_facts_count_by_how_far_they_could_be_read() -> None:
    read = next(each for each in healthy(NOW) if each.signal == USB)
    for reason in ("Half of it was denied.", "It took too long."):
        half = dataclasses.replace(read, status=Status.UNAVAILABLE, reason=reason)
        (said,) = usb_of(judged(replaced(healthy(NOW), half))).reasons
        assert said.outcome is Outcome.UNKNOWN
        assert reason in said.worker
    assert usb_of(judged(healthy(NOW))).outcome is Outcome.PASS


def test_two_systems_are_told_their_own_steps_for_the_same_reading() -> None:
    open_to_all = reading("firewall", FirewallFacts(Inbound.OPEN, Inbound.OPEN), NOW)
    steps = [
        found.reasons[0].remedy
        for platform in (Platform.LINUX, Platform.WINDOWS, Platform.LINUX)
        for found in judged(replaced(healthy(NOW), open_to_all), subject=Subject(platform)).signals
        if found.signal == "firewall"
    ]
    assert steps[0] == steps[2] != steps[1]


def test_two_laptops_that_say_the_same_fail_each_since_its_own_time() -> None:
    later = NOW + timedelta(hours=1)
    since = [usb_of(judged(with_stick(at), at=at)).failing_since for at in (NOW, later)]
    assert since == [NOW, later]


def test_facts_with_a_number_beyond_all_bounds_are_unknown() -> None:
    old = dataclasses.replace(healthy(NOW)[0], facts={"volumes": 2**70})
    (reason,) = judged(replaced(healthy(NOW), old)).signals[0].reasons
    assert NOT_UNDERSTOOD in reason.worker


@pytest.mark.parametrize("readings", [healthy(NOW), with_stick(NOW)])
def test_signals_are_stored_as_the_canonical_bytes_of_an_object(
    readings: tuple[Reading, ...],
) -> None:
    signals = judged(readings, with_usb(grace_s=GRACE_S)).signals
    assert write_signals(signals) == canonical_bytes({"signals": codec.encode(signals)})
    assert read_signals(write_signals(signals)) == signals
    assert write_signals(()) == b'{"signals":[]}'


def test_signals_are_read_as_they_were_written_however_many_were_known_since() -> None:
    signals = judged(with_stick(NOW), with_usb(grace_s=GRACE_S)).signals
    stored = write_signals(signals)
    for number in range(MAX_KNOWN + 1):
        write_signals((SignalStanding("usb_devices", str(number), Outcome.PASS, ()),))
    assert read_signals(stored) == signals
    assert read_signals(bytes(bytearray(stored))) == signals


@pytest.mark.parametrize(
    ("stored", "field"),
    [
        (b'{"signals":[{"signal":"usb_devices"}]}', "signals[0].outcome"),
        (b'{"signals":[],"more":1}', "more"),
        (b"[]", ""),
        (b"{", ""),
    ],
)
def test_signals_that_another_version_stored_are_refused_by_field(
    stored: bytes, field: str
) -> None:
    with pytest.raises(ContractError) as refused:
        read_signals(stored)
    assert refused.value.field == field
