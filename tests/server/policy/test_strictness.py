"""A supplier's tables may be stricter than the organisation's, and never weaker."""

from typing import Any

import pytest

from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.signals.signal import Signal
from passmuster_collectors.signals.strictness import directions
from passmuster_server.devices.groups import GroupKind
from passmuster_server.policy.demands import JUDGED
from passmuster_server.policy.document import parse
from passmuster_server.policy.strictness import check_groups, check_tightened

BASE = """
max_age_s = 3600
report_within_s = 60
[signals.screen_lock]
severity = "block"
grace_s = 60
[signals.screen_lock.limits]
lock_within_s = 600
"""


class Named:
    """A row of `groups`."""

    def __init__(self, name: str, kind: GroupKind) -> None:
        self.name, self.kind = name, kind


GROUPS: Any = (Named("Manila", GroupKind.SUPPLIER), Named("Night", GroupKind.INTERNAL))


def refusal(document: str) -> ContractError:
    with pytest.raises(ContractError) as caught:
        check_groups(parse(BASE + document, 1), GROUPS)
    return caught.value


@pytest.mark.parametrize(
    ("table", "key", "values"),
    [
        (
            "[groups.Manila.signals.screen_lock.limits]\nlock_within_s = 601",
            "groups.Manila.signals.screen_lock.limits.lock_within_s",
            "601 is weaker than the organisation's 600",
        ),
        (
            '[groups.Manila.platforms.macos.signals.screen_lock]\nseverity = "warn"',
            "groups.Manila.platforms.macos.signals.screen_lock.severity",
            '"warn" is weaker than the organisation\'s "block"',
        ),
        (
            "[groups.manila.signals.screen_lock]\ngrace_s = 61",
            "groups.manila.signals.screen_lock.grace_s",
            "61 is weaker than the organisation's 60",
        ),
        (
            "[groups.Manila]\nmax_age_s = 3601",
            "groups.Manila.max_age_s",
            "3601 is weaker than the organisation's 3600",
        ),
        (
            (
                '[signals.key_tier.limits]\nminimum = "hardware"\n'
                '[groups.Manila.signals.key_tier.limits]\nminimum = "sealed"'
            ),
            "groups.Manila.signals.key_tier.limits.minimum",
            '"sealed" is weaker than the organisation\'s "hardware"',
        ),
    ],
)
def test_a_weaker_setting_is_named_with_both_values(table: str, key: str, values: str) -> None:
    found = refusal(f"{table}\n")
    assert found.field == key
    assert values in found.problem


def test_a_table_that_undoes_a_stricter_one_of_a_system_is_weaker() -> None:
    found = refusal(
        "[platforms.linux.signals.screen_lock.limits]\nlock_within_s = 120\n"
        "[groups.Manila.signals.screen_lock.limits]\nlock_within_s = 300\n"
    )
    assert "300 is weaker than the organisation's 120" in found.problem


def test_stricter_settings_are_taken() -> None:
    check_groups(
        parse(
            BASE + "[groups.Manila]\nmax_age_s = 600\n"
            "[groups.Manila.signals.screen_lock]\ngrace_s = 0\n"
            "limits = { lock_within_s = 300, forbid_inhibitors = true }\n"
            '[groups.Manila.signals.firewall]\nseverity = "block"\n',
            1,
        ),
        GROUPS,
    )


def test_an_internal_group_may_be_let_off_lightly() -> None:
    check_groups(parse(f'{BASE}[groups.Night.signals.screen_lock]\nseverity = "off"\n', 1), GROUPS)


def test_a_group_that_is_not_there_is_named() -> None:
    found = refusal("[groups.Nowhere]\n")
    assert (found.field, "no such group" in found.problem) == ("groups.Nowhere", True)


@pytest.mark.parametrize("signal", JUDGED, ids=lambda signal: signal.id)
def test_every_limit_says_what_is_stricter(signal: Signal[Any, Any]) -> None:
    directions(signal.limits)


IN_FORCE = f"""{BASE}
[groups.Manila]
max_age_s = 1800
[groups.Manila.signals.screen_lock]
grace_s = 60
[groups.Manila.signals.screen_lock.limits]
lock_within_s = 300
[groups.Manila.platforms.macos.signals.screen_lock.limits]
lock_within_s = 120
[groups.Night.signals.screen_lock]
severity = "off"
"""


@pytest.mark.parametrize(
    ("before", "after", "key", "problem"),
    [
        (
            "= 300",
            "= 600",
            "signals.screen_lock.limits.lock_within_s",
            "600 is weaker than the 300",
        ),
        (
            "= 120",
            "= 121",
            "platforms.macos.signals.screen_lock.limits.lock_within_s",
            "121 is weaker than the 120",
        ),
        ("max_age_s = 1800", "", "max_age_s", "3600 is weaker than the 1800"),
        (
            "[groups.Manila.platforms.macos.signals.screen_lock.limits]\nlock_within_s = 120",
            "",
            "signals.screen_lock.limits.lock_within_s",
            "300 is weaker than the 120",
        ),
        ("]\ngrace_s = 60\n[", "]\n[", "signals.screen_lock.grace_s", "no longer said"),
    ],
)
def test_what_is_in_force_for_a_group_is_neither_weakened_nor_taken_out(
    before: str, after: str, key: str, problem: str
) -> None:
    assert before in IN_FORCE
    document = IN_FORCE.replace(before, after)
    check_groups(parse(document, 2), GROUPS)
    with pytest.raises(ContractError, match=problem) as caught:
        check_tightened(parse(document, 2), parse(IN_FORCE, 1), "Manila")
    assert caught.value.field == f"groups.Manila.{key}"


@pytest.mark.parametrize(
    ("before", "after"),
    [("= 300", "= 200"), ("= 1800", "= 1500"), ("grace_s = 60\n[", "grace_s = 0\n["), ("", "")],
)
def test_what_is_in_force_for_a_group_may_become_stricter(before: str, after: str) -> None:
    document = IN_FORCE.replace(before, after) if before else IN_FORCE
    check_tightened(parse(document, 2), parse(IN_FORCE, 1), "Manila")
