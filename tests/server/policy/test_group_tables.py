"""One group's tables, exchanged in a policy document without touching anything else."""

import tomllib

import pytest

from passmuster_server.policy.document import DocumentError
from passmuster_server.policy.group_tables import tables_of, with_tables

DOCUMENT = """\
# Ours.
max_age_s = 3600

[signals.usb_devices]
severity = "block" # really
limits.known_devices = [
    { vendor_id = "046d", product_id = "c52b" },
]

[groups.Manila]
max_age_s = 1800

[groups.Manila.signals.screen_lock]
severity = "block"

[groups."Cebu Main".signals.firewall]
severity = "block"

[platforms.linux.signals.firewall]
severity = "warn"
"""
STRICTER = """\
max_age_s = 1500

[signals.firewall]
severity = "block"
"""


def test_a_groups_tables_are_told_by_themselves() -> None:
    assert tomllib.loads(tables_of(DOCUMENT, "manila")) == {
        "max_age_s": 1800,
        "signals": {"screen_lock": {"severity": "block"}},
    }
    assert tables_of(DOCUMENT, "Davao") == ""


@pytest.mark.parametrize("group", ["Manila", "MANILA"])
def test_they_are_exchanged_and_every_other_line_stays(group: str) -> None:
    changed = with_tables(DOCUMENT, group, STRICTER)
    expected = tomllib.loads(DOCUMENT)
    expected["groups"]["Manila"] = tomllib.loads(STRICTER)
    assert tomllib.loads(changed) == expected
    for line in ("# Ours.", 'severity = "block" # really', '[groups."Cebu Main".signals.firewall]'):
        assert line in changed.splitlines()


def test_what_is_told_and_put_back_changes_nothing() -> None:
    same = with_tables(DOCUMENT, "Manila", tables_of(DOCUMENT, "Manila"))
    assert tomllib.loads(same) == tomllib.loads(DOCUMENT)
    assert with_tables(same, "Manila", tables_of(same, "Manila")) == same


def test_a_group_without_tables_gets_some_and_loses_them_again() -> None:
    with_some = with_tables(DOCUMENT, 'Davao "North"', STRICTER)
    assert tomllib.loads(with_some)["groups"]['Davao "North"'] == tomllib.loads(STRICTER)
    without = with_tables(with_some, 'Davao "North"', "# Nothing.\n")
    assert tomllib.loads(without) == tomllib.loads(DOCUMENT)


def test_limits_with_tables_in_lists_are_kept() -> None:
    tables = """\
    [signals.usb_devices.limits]
    known_devices = [{ vendor_id = "1d6b", product_id = "0002", serial = "Ü\\"\\t" }]
    """
    changed = with_tables(DOCUMENT, "Manila", tables)
    assert tomllib.loads(changed)["groups"]["Manila"] == tomllib.loads(tables)


@pytest.mark.parametrize(
    "tables",
    [
        "max_age_s = ",
        "max_age_s = 1.5",
        "since = 2026-01-01",
        "[signals.usb_devices\n",
        '"a\\nb" = 1\n',
        "a = " + "[" * 2_000,
    ],
)
def test_what_is_no_table_of_a_policy_is_refused(tables: str) -> None:
    with pytest.raises(DocumentError):
        with_tables(DOCUMENT, "Manila", tables)


@pytest.mark.parametrize(
    "document",
    [
        "groups.Manila.max_age_s = 1800\n",
        "[groups]\nManila = { max_age_s = 1800 }\n",
        "[groups]\nManila.max_age_s = 1800\n",
        'note = """\n[groups.Manila]\n"""\n',
    ],
)
def test_a_document_that_is_written_otherwise_is_left_alone(document: str) -> None:
    with pytest.raises(DocumentError, match="written in a way"):
        with_tables(document, "Manila", STRICTER)


@pytest.mark.parametrize(
    "tables",
    [
        '[signals.firewall]\nseverity = "block"\n[groups.Cebu]\nmax_age_s = 1\n',
        '"] [signals.x" = 1\n',
        "[\"a]'b.c\".d]\ne = \"'''\"\n",
    ],
)
def test_nothing_gets_out_of_the_groups_own_tables(tables: str) -> None:
    changed = tomllib.loads(with_tables(DOCUMENT, "Manila", tables))
    expected = tomllib.loads(DOCUMENT)
    assert {**changed, "groups": 0} == {**expected, "groups": 0}
    assert changed["groups"]["Manila"] == tomllib.loads(tables)
    assert changed["groups"]["Cebu Main"] == expected["groups"]["Cebu Main"]
