"""What differs for some devices: which table counts over which, setting by setting."""

import pytest

from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.platform import Platform
from passmuster_server.devices.groups import Ownership
from passmuster_server.policy.demands import Severity, SignalPolicy
from passmuster_server.policy.document import parse
from passmuster_server.policy.overlays import Subject

LOCK = "screen_lock"
LAYERS = (
    "",
    "platforms.linux.",
    "ownership.personal.",
    "ownership.personal.platforms.linux.",
    'groups."Night shift".',
    'groups."Night shift".platforms.linux.',
)
"""From the one that counts least to the one that counts most."""
MANILA = Subject(Platform.LINUX, "Night shift", Ownership.PERSONAL)


def lock_of(document: str, subject: Subject = MANILA) -> SignalPolicy:
    return parse(document, 1).demanded(LOCK, subject)


@pytest.mark.parametrize("layers", range(1, len(LAYERS) + 1))
def test_the_narrower_table_counts_over_the_wider_one(layers: int) -> None:
    tables = [
        f"[{prefix}signals.{LOCK}.limits]\nlock_within_s = {100 + number}\n"
        for number, prefix in enumerate(LAYERS[:layers])
    ]
    # The order in which they stand in the document means nothing.
    for document in ("".join(tables), "".join(reversed(tables))):
        assert lock_of(document).limits.lock_within_s == 100 + layers - 1


def test_what_a_narrower_table_does_not_say_comes_from_the_wider_ones() -> None:
    found = lock_of(
        f"""
        [signals.{LOCK}]
        severity = "warn"
        [platforms.linux.signals.{LOCK}]
        grace_s = 60
        [ownership.personal.signals.{LOCK}.limits]
        forbid_inhibitors = true
        [groups."Night shift".signals.{LOCK}.limits]
        lock_within_s = 120
        """
    )
    assert (found.severity, found.grace_s) == (Severity.WARN, 60)
    assert (found.limits.lock_within_s, found.limits.forbid_inhibitors) == (120, True)


@pytest.mark.parametrize(
    ("prefix", "other"),
    [
        ("platforms.linux.", Subject(Platform.MACOS)),
        ("ownership.personal.", Subject(Platform.LINUX, ownership=Ownership.COMPANY)),
        (LAYERS[3], Subject(Platform.MACOS, ownership=Ownership.PERSONAL)),
        (LAYERS[4], Subject(Platform.LINUX, "Day shift")),
        (LAYERS[5], Subject(Platform.WINDOWS, "Night shift")),
    ],
)
def test_a_table_counts_for_those_devices_alone_that_it_names(prefix: str, other: Subject) -> None:
    document = f"[{prefix}signals.{LOCK}.limits]\nlock_within_s = 77\n"
    assert lock_of(document).limits.lock_within_s == 77
    assert lock_of(document, other).limits.lock_within_s == 600


def test_a_groups_name_is_read_in_any_case() -> None:
    document = f'[groups."NIGHT SHIFT".signals.{LOCK}.limits]\nlock_within_s = 77\n'
    assert lock_of(document).limits.lock_within_s == 77


def test_what_is_switched_off_for_one_group_is_judged_of_the_others() -> None:
    off = 'severity = "off"'
    policy = parse(f'[groups."Night shift".signals.{LOCK}]\n{off}\n', 1)
    others = policy.judged_of(Subject(Platform.LINUX, "Day shift"))
    assert others - policy.judged_of(MANILA) == {LOCK}
    assert others - parse(f"[signals.{LOCK}]\n{off}\n", 1).judged_of(MANILA) == {LOCK}


def test_reports_may_count_for_less_long_in_one_group() -> None:
    policy = parse('report_within_s = 60\n[groups."Night shift"]\nmax_age_s = 300\n', 1)
    assert policy.max_age_of(MANILA) == 300
    assert policy.max_age_of(Subject(Platform.LINUX)) == 3600


@pytest.mark.parametrize(
    ("document", "key"),
    [
        ("[ownership.stolen]", "ownership.stolen"),
        ("[groups.Manila]\nx = 1", "groups.Manila.x"),
        ("[groups.Manila.platforms.amiga]", "groups.Manila.platforms.amiga"),
        ('[groups."Night shift".signals.moon]', 'groups."Night shift".signals.moon'),
        ("[groups.a]\n[groups.A]", "groups.A"),
        ("[groups.a]\nmax_age_s = 600", "groups.a.max_age_s"),
        (
            f"[ownership.personal.signals.{LOCK}.limits]\nlock_within_s = 1",
            f"ownership.personal.signals.{LOCK}.limits.lock_within_s",
        ),
    ],
)
def test_a_mistake_is_named_by_its_key(document: str, key: str) -> None:
    with pytest.raises(ContractError) as caught:
        parse(document, 1)
    assert caught.value.field == key
