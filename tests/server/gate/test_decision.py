from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.gate.decision import (
    Cause,
    Decision,
    Proof,
    Question,
    decide,
)
from passmuster_server.policy.document import Devices
from passmuster_server.policy.standing import DeviceStatus, Standing
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support.example_standings import (
    MAX_AGE_S,
    NO_LOCK,
    NOW,
    UNREADABLE_WIFI,
    standing,
    standings_of,
)

ANYWHERE = Question(DEFAULT_ORGANISATION, "ana@example.com", "helpdesk")


def at(device: str) -> Question:
    return msgspec.structs.replace(ANYWHERE, device=device, proof=Proof.CALLER)


def ask(question: Question, *items: Standing, requirement: Devices = Devices.ALL) -> Decision:
    return decide(question, standings_of(*items), NOW, requirement)


def causes(decision: Decision) -> list[Cause]:
    return [finding.cause for finding in decision.findings]


def test_a_compliant_laptop_is_let_in() -> None:
    decision = ask(at("device-1"), standing())
    assert decision.allowed
    assert causes(decision) == [Cause.COMPLIANT]


def test_nobody_is_let_in_by_name_alone_where_a_proven_device_is_demanded() -> None:
    decision = ask(ANYWHERE, standing(), requirement=Devices.PROVEN)
    assert not decision.allowed
    assert decision.cause is Cause.NOT_PROVEN


def test_nobody_is_let_in_by_a_laptop_that_is_not_where_the_browser_is() -> None:
    elsewhere = msgspec.structs.replace(at("device-1"), proof=Proof.ELSEWHERE)
    decision = ask(elsewhere, standing())
    assert not decision.allowed
    assert decision.cause is Cause.ELSEWHERE


def test_a_named_device_is_judged_as_ever_where_a_proven_one_is_demanded() -> None:
    assert ask(at("device-1"), standing(), requirement=Devices.PROVEN).allowed


def test_a_laptop_in_grace_is_let_in_until_the_grace_ends() -> None:
    until = NOW + timedelta(hours=5)
    decision = ask(at("device-1"), standing(Verdict.GRACE, NO_LOCK, grace_until=until))
    assert decision.allowed
    assert decision.grace_until == until


@pytest.mark.parametrize(
    ("item", "cause"),
    [
        (standing(Verdict.NON_COMPLIANT, NO_LOCK), Cause.NON_COMPLIANT),
        (standing(Verdict.GRACE, NO_LOCK, grace_until=NOW), Cause.GRACE_OVER),
        (standing(Verdict.GRACE, NO_LOCK, grace_until=None), Cause.GRACE_OVER),
        (standing(Verdict.UNKNOWN, UNREADABLE_WIFI), Cause.UNREADABLE),
        (standing(last_seen=None, judged_at=None), Cause.NEVER_REPORTED),
        (standing(last_seen=NOW - timedelta(seconds=MAX_AGE_S + 1)), Cause.STALE),
        (standing(status=DeviceStatus.CONFLICT), Cause.CONFLICT),
        (standing(status=DeviceStatus.REVOKED), Cause.REVOKED),
        (standing(status=DeviceStatus.RETIRED), Cause.RETIRED),
        (standing(status=DeviceStatus.LOST), Cause.LOST),
    ],
    ids=lambda value: value.value if isinstance(value, Cause) else "",
)
def test_every_other_laptop_is_denied_for_its_own_cause(item: Standing, cause: Cause) -> None:
    named = ask(at("device-1"), item)
    unnamed = ask(ANYWHERE, item)
    assert not named.allowed
    assert causes(named) == [cause]
    assert not unnamed.allowed, "the same laptop passes when the question doesn't name it"
    assert causes(unnamed) == [cause]


def test_a_report_from_the_future_is_of_unknown_age() -> None:
    item = standing(last_seen=NOW + timedelta(hours=1))
    assert causes(ask(at("device-1"), item)) == [Cause.STALE]
    assert ask(at("device-1"), standing(last_seen=NOW + timedelta(seconds=2))).allowed


def test_an_old_report_counts_until_its_last_second() -> None:
    assert ask(at("device-1"), standing(last_seen=NOW - timedelta(seconds=MAX_AGE_S))).allowed


def test_a_report_that_is_old_and_unreadable_is_called_old() -> None:
    item = standing(Verdict.UNKNOWN, UNREADABLE_WIFI, last_seen=NOW - timedelta(days=7))
    assert causes(ask(at("device-1"), item)) == [Cause.STALE]


def test_a_laptop_that_is_not_enrolled_is_denied() -> None:
    decision = ask(at("device-9"), standing())
    assert not decision.allowed
    assert causes(decision) == [Cause.UNKNOWN_DEVICE]


def test_somebody_elses_laptop_is_denied_and_says_nothing_of_it() -> None:
    decision = ask(at("device-1"), standing(owner="bo@example.com"))
    assert not decision.allowed
    assert causes(decision) == [Cause.OTHER_OWNER]
    assert decision.findings[0].standing is None


def test_a_laptop_of_another_organisation_is_unknown() -> None:
    decision = ask(at("device-1"), standing(organisation="other"))
    assert causes(decision) == [Cause.UNKNOWN_DEVICE]
    assert not ask(ANYWHERE, standing(organisation="other")).allowed


def test_a_person_without_a_laptop_is_denied() -> None:
    decision = ask(ANYWHERE)
    assert not decision.allowed
    assert decision.cause is Cause.NO_DEVICE


def test_what_is_not_a_person_is_denied() -> None:
    decision = ask(msgspec.structs.replace(ANYWHERE, subject_type="service"), standing())
    assert not decision.allowed
    assert decision.cause is Cause.NOT_A_PERSON


def test_people_are_found_whatever_the_case_of_their_address() -> None:
    question = msgspec.structs.replace(at("device-1"), person="Ana@Example.com")
    assert ask(question, standing()).allowed
    assert ask(msgspec.structs.replace(question, device=None), standing()).allowed


HEALTHY = standing()
FAILING = standing(Verdict.NON_COMPLIANT, NO_LOCK, device="device-2")


def test_all_laptops_must_pass_where_policy_says_all() -> None:
    decision = ask(ANYWHERE, HEALTHY, FAILING, requirement=Devices.ALL)
    assert not decision.allowed
    assert [finding.device for finding in decision.findings] == ["device-2"]


def test_one_laptop_is_enough_where_policy_says_any() -> None:
    decision = ask(ANYWHERE, HEALTHY, FAILING, requirement=Devices.ANY)
    assert decision.allowed
    assert [finding.device for finding in decision.findings] == ["device-1"]


def test_any_still_denies_when_none_passes() -> None:
    old = standing(device="device-3", last_seen=NOW - timedelta(days=1))
    decision = ask(ANYWHERE, FAILING, old, requirement=Devices.ANY)
    assert not decision.allowed
    assert causes(decision) == [Cause.NON_COMPLIANT, Cause.STALE]


def test_any_does_not_help_a_named_laptop_that_fails() -> None:
    assert not ask(at("device-2"), HEALTHY, FAILING, requirement=Devices.ANY).allowed


def test_a_failing_laptop_does_not_hurt_a_named_one_that_passes() -> None:
    assert ask(at("device-1"), HEALTHY, FAILING, requirement=Devices.ALL).allowed


@pytest.mark.parametrize(
    "status",
    [DeviceStatus.PENDING, DeviceStatus.REVOKED, DeviceStatus.RETIRED, DeviceStatus.LOST],
)
def test_a_laptop_out_of_service_does_not_lock_its_owner_out_on_the_new_one(
    status: DeviceStatus,
) -> None:
    lost = standing(Verdict.NON_COMPLIANT, NO_LOCK, device="device-2", status=status)
    assert ask(ANYWHERE, HEALTHY, lost).allowed
    assert not ask(at("device-2"), HEALTHY, lost).allowed


def test_an_identity_conflict_counts_against_its_owner() -> None:
    assert not ask(ANYWHERE, HEALTHY, standing(device="d2", status=DeviceStatus.CONFLICT)).allowed


def test_grace_ends_with_the_first_laptop_where_all_must_pass() -> None:
    soon, late = NOW + timedelta(hours=1), NOW + timedelta(hours=9)
    first = standing(Verdict.GRACE, NO_LOCK, grace_until=late)
    second = standing(Verdict.GRACE, NO_LOCK, device="device-2", grace_until=soon)
    assert ask(ANYWHERE, first, second).grace_until == soon


def test_grace_does_not_end_an_allow_that_another_laptop_carries() -> None:
    second = standing(
        Verdict.GRACE, NO_LOCK, device="device-2", grace_until=NOW + timedelta(hours=1)
    )
    assert ask(ANYWHERE, HEALTHY, second, requirement=Devices.ANY).grace_until is None


ANY_STANDING = st.builds(
    standing,
    st.sampled_from(Verdict),
    device=st.sampled_from(["device-1", "device-2", "device-3"]),
    owner=st.sampled_from(["ana@example.com", "bo@example.com"]),
    status=st.sampled_from(DeviceStatus),
    last_seen=st.one_of(
        st.none(),
        st.integers(-2 * MAX_AGE_S, 2 * MAX_AGE_S).map(lambda s: NOW - timedelta(seconds=s)),
    ),
    grace_until=st.one_of(
        st.none(), st.integers(-9, 9).map(lambda hours: NOW + timedelta(hours=hours))
    ),
)


@given(
    st.lists(ANY_STANDING, max_size=5),
    st.sampled_from([None, "device-1", "device-2", "device-9"]),
    st.sampled_from(Devices),
)
def test_nobody_gets_in_without_a_laptop_of_their_own_that_is_fresh_and_passes(
    items: list[Standing], device: str | None, requirement: Devices
) -> None:
    question = ANYWHERE if device is None else at(device)
    standings = standings_of(*items)
    decision = decide(question, standings, NOW, requirement)
    if not decision.allowed:
        assert decision.cause is not None or decision.findings, "a denial gives no reason"
        return
    own = standings.of_owner(DEFAULT_ORGANISATION, "ana@example.com")
    good = [
        item
        for item in own
        if item.status is DeviceStatus.ACTIVE
        and item.verdict_at(NOW) in {Verdict.COMPLIANT, Verdict.GRACE}
        and item.last_seen is not None
        and -timedelta(minutes=1) <= NOW - item.last_seen <= timedelta(seconds=MAX_AGE_S)
    ]
    assert good, "an allow rests on no laptop that passes"
    if device is not None:
        assert device in [item.device for item in good]
