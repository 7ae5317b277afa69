"""A supplier's administrator makes the own group's demands stricter, never less strict."""

import html
import re
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.console import send, signed_in, wait_until
from tests.support.example_readings import USB, healthy, with_stick
from tests.support.signing_device import SigningDevice

PAGE = "/policy/group"
POLICY = f"""\
# The customer's own words.
[signals.{USB}]
severity = "warn"

[groups.Cebu.signals.{USB}]
severity = "block"
"""
STRICTER = f'[signals.{USB}]\nseverity = "block"\n'


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClockedServer]:
    with clocked_server(tmp_path_factory.mktemp("group-policy")) as running:
        for name in ("Manila", "Cebu"):
            running.command("group", "add", name, "--kind", "supplier")
        running.command("group", "add", "Team")
        running.publish_policy(POLICY)
        judging = running.services.policies
        wait_until(lambda: judging.current(DEFAULT_ORGANISATION).version == int(base(running)))
        yield running


@pytest.fixture
def supplier(server: ClockedServer) -> Iterator[httpx.Client]:
    with signed_in(server, "--group", "Manila", "--role", "administrator") as visitor:
        yield visitor


def with_a_stick(server: ClockedServer, owner: str, group: str) -> SigningDevice:
    laptop = SigningDevice(server.url, computer_name=f"{group}-laptop")
    with server.client() as client:
        laptop.enroll(client, server.enroll_code(owner, "--group", group))
        laptop.report(client, healthy())
        laptop.report(client, with_stick())
    return laptop


def base(server: ClockedServer) -> str:
    return str(server.rows("SELECT max(version) FROM policies")[0][0])


def document(server: ClockedServer) -> str:
    return str(server.rows("SELECT document FROM policies ORDER BY version DESC LIMIT 1")[0][0])


def verdict(server: ClockedServer, laptop: SigningDevice) -> str:
    ((found,),) = server.rows("SELECT verdict FROM verdicts WHERE device_id = ?", laptop.device)
    return str(found)


def publish(visitor: httpx.Client, server: ClockedServer, **fields: str) -> httpx.Response:
    return send(visitor, PAGE, PAGE, publish="yes", **{"base": base(server), **fields})


def test_what_is_stricter_counts_for_the_own_laptops_alone(
    server: ClockedServer, supplier: httpx.Client
) -> None:
    own = with_a_stick(server, "mia@example.com", "Manila")
    other = with_a_stick(server, "tom@example.com", "Team")
    checked = send(supplier, PAGE, PAGE, check="yes", tables=STRICTER)
    assert "Manila-laptop" in checked.text
    assert "Team-laptop" not in checked.text
    assert document(server) == POLICY, "a check changes nothing"
    unsure = publish(supplier, server, tables=STRICTER)
    assert (unsure.status_code, document(server)) == (400, POLICY)
    blind = publish(supplier, server, tables=STRICTER, sure="yes")
    assert (blind.status_code, document(server)) == (400, POLICY), "nobody told how many"
    assert "It would shut out 1 laptop by now" in blind.text
    told = dict(re.findall(r'name="(shuts_out)" value="(\d+)"', checked.text))
    done = publish(supplier, server, tables=STRICTER, sure="yes", **told)
    assert done.status_code == 303, done.text
    wait_until(lambda: verdict(server, own) == "non_compliant")
    assert verdict(server, other) == "compliant"
    assert document(server).startswith(POLICY.rstrip("\n"))
    ((actor, details),) = server.rows(
        "SELECT actor, details FROM audit_entries WHERE action = 'policy.published' "
        "ORDER BY number DESC LIMIT 1"
    )
    assert "(command line)" not in actor
    assert b"for the group Manila" in bytes(details)
    assert STRICTER.strip() in supplier.get(PAGE).text.replace("&#34;", '"')


def test_nothing_of_the_policy_but_the_own_tables_is_shown(supplier: httpx.Client) -> None:
    page = supplier.get(PAGE).text
    assert "Cebu" not in page
    assert "customer's own words" not in page


@pytest.mark.parametrize(
    "tables",
    [
        f'[signals.{USB}]\nseverity = "off"\n',
        "max_age_s = 86400\n",
        "max_age_s = 1\n",
        f'[groups.Cebu.signals.{USB}]\nseverity = "off"\n',
        f'[signals.{USB}]\nseverity = "blok"\n',
        "[signals",
        "-" * 16_385,
    ],
)
def test_what_is_less_strict_or_none_of_its_own_is_refused(
    server: ClockedServer, supplier: httpx.Client, tables: str
) -> None:
    refused = publish(supplier, server, tables=tables, sure="yes")
    assert refused.status_code == 400
    assert "alert" in refused.text
    assert document(server) == POLICY


@pytest.mark.parametrize(
    "tables", ["", f'[signals.{USB}]\nseverity = "warn"\n', f"[signals.{USB}]\ngrace_s = 0\n"]
)
def test_what_it_demands_of_the_group_is_not_taken_out(
    server: ClockedServer, supplier: httpx.Client, tables: str
) -> None:
    demanded = POLICY.replace("Cebu", "Manila")
    server.publish_policy(demanded)
    checked = send(supplier, PAGE, PAGE, check="yes", tables=tables)
    refused = publish(supplier, server, tables=tables, sure="yes")
    assert (checked.status_code, refused.status_code) == (400, 400)
    assert "only the organisation" in refused.text
    assert document(server) == demanded
    more = f"{STRICTER}grace_s = 0\n"
    assert publish(supplier, server, tables=more).status_code == 303, "stricter is still taken"


def test_what_another_published_meanwhile_is_not_undone(
    server: ClockedServer, supplier: httpx.Client
) -> None:
    seen = base(server)
    server.publish_policy(f"{POLICY}# Newer.\n")
    refused = publish(supplier, server, tables=STRICTER, base=seen)
    assert refused.status_code == 400
    assert document(server) == f"{POLICY}# Newer.\n"


def test_an_old_sign_in_publishes_nothing_and_loses_nothing_that_was_written(
    server: ClockedServer, supplier: httpx.Client
) -> None:
    with server.later(timedelta(minutes=20)):
        refused = publish(supplier, server, tables=STRICTER)
        assert refused.status_code == 403
        assert STRICTER.strip() in html.unescape(refused.text)
        assert f'href="{PAGE}/prove" target="_blank"' in refused.text
        assert supplier.get(f"{PAGE}/prove").status_code == 403
    assert document(server) == POLICY
    proven = supplier.get(f"{PAGE}/prove")
    assert (proven.status_code, f'href="{PAGE}"' in proven.text) == (200, True)
    assert publish(supplier, server, tables=STRICTER).status_code == 303


def test_who_only_looks_or_is_of_the_organisation_itself_edits_no_groups_tables(
    server: ClockedServer,
) -> None:
    for arguments in (("--group", "Manila", "--role", "helpdesk"), ("--group", "Team")):
        with signed_in(server, *arguments) as visitor:
            assert visitor.get(PAGE).status_code == 403
            tried = send(visitor, "/fleet", PAGE, publish="yes", tables=STRICTER, base="1")
            assert tried.status_code == 403
    with signed_in(server) as visitor:
        assert visitor.get(PAGE).headers["Location"] == "/policy"
    assert document(server) == POLICY
