"""Rules of alerts over HTTP."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.server.api.conftest import Caller
from tests.support.certificates import Authority, serving_context
from tests.support.clocked_server import ClockedServer
from tests.support.listening_hook import listening_hook
from tests.support.running_server import deaf_port
from tests.support.signing_device import SigningDevice
from tests.support.syslog_receiver import listening

ALERTS = "/api/v1/alerts"
Fleet = dict[str, SigningDevice]
MAIL = {
    "email": "it@example.com",
    "sender": "gate@example.com",
    "smtp": "mail.example.com",
    # Nothing that happens here: nobody looks for that server.
    "on": ["break_glass"],
}


@pytest.fixture
def teller(caller: Caller, fleet: Fleet) -> Iterator[httpx.Client]:
    """Yield a caller that may; whatever it made is removed."""
    assert fleet
    client = caller("--scope", "alerts.manage")
    yield client
    for each in client.get(ALERTS).json()["alerts"]:
        assert client.delete(f"{ALERTS}/{each['name']}").status_code == 204


def refused(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["field"]


def test_a_webhook_is_made_listed_and_removed(server: ClockedServer, teller: httpx.Client) -> None:
    url = "https://desk.example.com/hook"
    body = {"name": "desk", "webhook": url, "on": ["break_glass"], "severity": "high"}
    made = teller.post(ALERTS, json=body)
    assert made.status_code == 201, made.text
    secret = made.json()["secret"]
    assert secret.startswith("whsec_")
    listed = teller.get(ALERTS)
    (told,) = listed.json()["alerts"]
    assert (told["name"], told["channel"], told["on"], told["severity"]) == (
        "desk",
        "webhook",
        ["break_glass"],
        "high",
    )
    assert secret not in listed.text
    tag = listed.headers["ETag"]
    assert teller.get(ALERTS, headers={"If-None-Match": tag}).status_code == 304
    assert teller.delete(f"{ALERTS}/desk").status_code == 204
    assert teller.get(ALERTS).json()["alerts"] == []
    for gone in (teller.delete(f"{ALERTS}/desk"), teller.post(f"{ALERTS}/desk/test")):
        assert gone.status_code == 404
    assert recorded(server, 2) == ["alert.added", "alert.removed"]


def test_a_webhook_is_tried(
    server: ClockedServer, teller: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    with listening_hook(serving_context(authority)) as hook:
        # It is on this machine: the server's own shell alone may make it.
        made = server.command("alert", "add", "desk", "--webhook", hook.url, "--on", "shut_out")
        (hook.secret,) = re.findall(r"whsec_\S+", made.stdout)
        tested = teller.post(f"{ALERTS}/desk/test")
        assert (tested.status_code, tested.json()) == (200, {"sent": True, "problem": ""})
        hook.wait_for_calls(1, 1)
    assert recorded(server, 1) == ["alert.tested"]


def recorded(server: ClockedServer, newest: int) -> list[str]:
    """Return the newest deeds about alerts, each of which a program did."""
    asked = "SELECT action, actor FROM audit_entries WHERE action LIKE ? ORDER BY number"
    found = server.rows(asked, "alert.%")[-newest:]
    assert {row[1].endswith("(API)") for row in found} == {True}
    return [row[0] for row in found]


def syslog_here(server: ClockedServer, address: str) -> None:
    """Make a rule that the server's own shell alone may make."""
    server.command("alert", "add", "siem", "--syslog", address, "--syslog-transport", "tcp")


def test_a_test_that_does_not_go_says_why_and_is_on_record(
    server: ClockedServer, teller: httpx.Client
) -> None:
    syslog_here(server, f"127.0.0.1:{deaf_port()}")
    tested = teller.post(f"{ALERTS}/siem/test").json()
    assert tested == {"sent": False, "problem": "ConnectionRefusedError"}
    asked = "SELECT action, subject FROM audit_entries ORDER BY number DESC LIMIT 1"
    assert server.rows(asked) == [("alert.tested", "siem")]


def test_syslog_is_told_to_a_receiver(server: ClockedServer, teller: httpx.Client) -> None:
    body = {"name": "elsewhere", "syslog": "siem.example.com", "on": ["break_glass"]}
    made = teller.post(ALERTS, json=body).json()
    assert (made["channel"], made["secret"], made["per_hour"]) == ("syslog", None, 1000)
    with listening() as receiver:
        syslog_here(server, receiver.address)
        assert teller.post(f"{ALERTS}/siem/test").json()["sent"] is True
        (event,) = receiver.wait_for(messages=1)
    assert event.event_class == "test"


def test_a_password_is_kept_and_told_to_nobody(server: ClockedServer, teller: httpx.Client) -> None:
    secret = {"smtp_user": "gate", "smtp_password": "correct-horse"}
    made = teller.post(ALERTS, json={"name": "desk", **MAIL, **secret})
    assert made.status_code == 201, made.text
    assert "correct-horse" in str(server.rows("SELECT rule FROM alert_rules"))
    for text in (made.text, teller.get(ALERTS).text):
        assert "correct-horse" not in text
    assert "e-mail to it@example.com from gate@example.com" in made.json()["by"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "a/b", **MAIL}, "name"),
        ({"name": "x"}, ""),
        ({"name": "x", **MAIL, "webhook": "https://example.com/x"}, ""),
        ({"name": "x", "webhook": "http://example.com/x"}, "webhook"),
        *(
            ({"name": "x", way: f"{host}:9463/x"}, way)
            for way in ("webhook", "slack_url")
            for host in ("http://127.0.0.1", "https://127.0.0.1", "https://localhost")
        ),
        *(
            ({"name": "x", "syslog": host, "syslog_transport": "tcp"}, "syslog")
            for host in ("localhost", "127.0.0.1:5432", "[::1]:6379")
        ),
        *(
            ({"name": "x", **MAIL, "smtp": host}, "smtp")
            for host in ("localhost:25", "127.1", "0.0.0.0:22", "LOCALHOST", "[::ffff:127.0.0.1]")
        ),
        ({"name": "x", **MAIL, "on": ["pigeon"]}, "on[0]"),
        ({"name": "x", **MAIL, "group": "0" * 32}, "group"),
        ({"name": "x", **MAIL, "severity": "worst"}, "severity"),
        ({"name": "x", **MAIL, "per_hour": 0}, "per_hour"),
        ({"name": "x", **MAIL, "smtp_security": "maybe"}, "smtp_security"),
        ({"name": "x", **MAIL, "smtp_password_file": "/etc/shadow"}, ""),
        ({"name": "x", "slack_url_file": "/etc/shadow"}, ""),
        ({"name": "x", "syslog": "siem", "syslog_ca": "no certificate"}, "syslog_ca"),
    ],
)
def test_what_is_wrong_is_told_by_its_field(
    teller: httpx.Client, body: dict[str, Any], field: str
) -> None:
    assert refused(teller.post(ALERTS, json=body)) == (400, field)


def test_there_is_one_rule_of_a_name(teller: httpx.Client) -> None:
    assert teller.post(ALERTS, json={"name": "desk", **MAIL}).status_code == 201
    assert refused(teller.post(ALERTS, json={"name": "desk", **MAIL})) == (409, "name")


def test_other_scopes_and_whoever_is_confined_get_nothing(caller: Caller, fleet: Fleet) -> None:
    assert fleet
    others = caller("--scope", "fleet.manage", "--scope", "groups.manage")
    confined = caller("--scope", "alerts.manage", "--group", "Manila")
    for client in (others, confined):
        assert client.get(ALERTS).status_code == 403
        assert client.post(ALERTS, json={"name": "x", **MAIL}).status_code == 403
        assert client.delete(f"{ALERTS}/x").status_code == 403
        assert client.post(f"{ALERTS}/x/test").status_code == 403
