"""IT hears of laptops that are shut out: by e-mail through a real SMTP server, and by webhooks."""

import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from sqlalchemy import Connection, Engine, event

from passmuster_server.alerts.channels import SIDE_BY_SIDE
from passmuster_server.database import Database
from passmuster_server.policy import deadlines
from tests.support.certificates import Authority
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_laptops import ONLY_USB, enrolled, healthy, with_usb_stick
from tests.support.listening_hook import listening_hook
from tests.support.listening_post import listening_post
from tests.support.running_server import deaf_port, free_port

OWNER = "ana@example.com"
USER, PASSWORD = "passmuster", "correct horse"


@dataclass
class Mailbox:
    """What an SMTP server has taken. `refuse` makes it answer that it is busy."""

    address: str
    mails: list[EmailMessage] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    refuse: bool = False
    tries: int = 0
    arrived: threading.Condition = field(default_factory=threading.Condition)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        with self.arrived:
            self.tries += 1
            refused = self.refuse
            if not refused:
                mail = message_from_bytes(envelope.content, policy=policy.default)
                self.mails.append(mail)
                began_with_it = server.transport.get_extra_info("ssl_object")
                self.encrypted.append(session.ssl is not None or began_with_it is not None)
            self.arrived.notify_all()
        return "451 busy" if refused else "250 taken"

    def wait_for(self, mails: int = 0, tries: int = 0) -> None:
        with self.arrived:
            held = self.arrived.wait_for(
                lambda: len(self.mails) >= mails and self.tries >= tries, 40
            )
        assert held, f"{len(self.mails)} of {mails} mails came, {self.tries} were tried"

    def text(self, number: int) -> str:
        body = self.mails[number].get_body()
        assert body is not None
        return str(body.get_content())


def authenticated(*asked: Any) -> AuthResult:
    data = asked[-1]
    assert isinstance(data, LoginPassword)
    good = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=good, handled=False)


@contextmanager
def mail_server(**options: Any) -> Iterator[Mailbox]:
    port = free_port()
    mailbox = Mailbox(f"127.0.0.1:{port}")
    controller = Controller(mailbox, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ClockedServer]:
    with clocked_server(tmp_path / "server", policy=ONLY_USB) as running:
        yield running


@pytest.fixture
def client(server: ClockedServer) -> Iterator[httpx.Client]:
    with server.client() as opened:
        yield opened


def mail_rule(server: ClockedServer, mailbox: Mailbox, *more: str, security: str = "none") -> None:
    server.command(
        *("alert", "add", "helpdesk", "--email", "it@example.com", "--from", "gate@example.com"),
        *("--smtp", mailbox.address, "--smtp-security", security, *more),
    )


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 40
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.05)


@contextmanager
def statements_about_rules(database: Database) -> Iterator[tuple[list[str], list[str]]]:
    """Yield what the server says to the database about rules: as it reads, and in its writes."""
    read: list[str] = []
    written: list[str] = []

    def said(connection: Connection, _: Any, statement: str, *__: Any) -> None:
        if "alert_rules" in statement:
            kept = written if connection.engine is database.writer_engine else read
            kept.append(statement)

    event.listen(Engine, "before_cursor_execute", said)
    try:
        yield read, written
    finally:
        event.remove(Engine, "before_cursor_execute", said)


def test_what_is_to_be_sent_later_asks_for_no_write_before(
    server: ClockedServer, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("passmuster_server.alerts.routes.FIRST_RETRY_S", 3_600.0)
    nowhere = f"http://127.0.0.1:{deaf_port()}/x"
    server.command("alert", "add", "desk", "--webhook", nowhere, "--on", "shut_out")
    enrolled(server, client, OWNER, with_usb_stick())
    until(lambda: server.rows("SELECT failures FROM alert_rules") == [(1,)])
    with statements_about_rules(server.services.database) as (read, written):
        # Whoever had found it due just before it was tried looks in vain once.
        until(lambda: len(read) > SIDE_BY_SIDE)
        read.clear()
        written.clear()
        until(lambda: len(read) > SIDE_BY_SIDE)
        assert written == []


def test_a_laptop_that_is_shut_out_is_mailed_with_what_it_needs_and_nobodys_name(
    server: ClockedServer, client: httpx.Client
) -> None:
    with mail_server() as mailbox:
        mail_rule(server, mailbox, "--on", "shut_out", "--severity", "high")
        laptop = enrolled(server, client, OWNER, healthy())
        laptop.report(client, with_usb_stick())
        mailbox.wait_for(mails=1)
        laptop.report(client, healthy())
        other = enrolled(server, client, "ben@example.com", with_usb_stick())
        mailbox.wait_for(mails=2)
    mail = mailbox.mails[0]
    assert (mail["To"], mail["From"]) == ("it@example.com", "gate@example.com")
    assert mail["Subject"] == f"Passmuster: Laptop {laptop.device} is shut out (high): usb_devices"
    assert f"{server.url}/fleet/devices/{laptop.device}" in mailbox.text(0)
    assert OWNER not in mail.as_string()
    assert "ana-laptop" not in mail.as_string()
    assert other.device in mailbox.text(1), "what is in order again was not asked for"


def test_what_does_not_fit_into_the_hour_comes_as_one_digest(
    server: ClockedServer, client: httpx.Client
) -> None:
    with mail_server() as mailbox:
        mail_rule(server, mailbox, "--on", "shut_out", "--per-hour", "1")
        first = enrolled(server, client, "a@example.com", with_usb_stick())
        mailbox.wait_for(mails=1)
        others = [enrolled(server, client, f"{n}@example.com", with_usb_stick()) for n in "bcd"]
        until(lambda: server.rows("SELECT count(*) FROM alert_outbox") == [(3,)])
        assert len(mailbox.mails) == 1
        server.ahead += timedelta(hours=1)
        mailbox.wait_for(mails=2)
    assert first.device in mailbox.text(0)
    assert mailbox.mails[1]["Subject"] == "Passmuster: 3 changes"
    assert all(each.device in mailbox.text(1) for each in others)


def test_what_a_busy_server_does_not_take_is_tried_again(
    server: ClockedServer, client: httpx.Client
) -> None:
    with mail_server() as mailbox:
        mailbox.refuse = True
        mail_rule(server, mailbox)
        enrolled(server, client, OWNER, with_usb_stick())
        mailbox.wait_for(tries=1)
        mailbox.refuse = False
        server.ahead += timedelta(minutes=1)
        mailbox.wait_for(mails=1)


# To aiosmtpd a connection that begins with TLS is none that it has turned into one.
@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_mail_goes_encrypted_with_a_password_from_a_file_and_a_test_shows_that_it_arrives(
    server: ClockedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, security: str
) -> None:
    authority = Authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue())
    secret = tmp_path / "password"
    secret.write_text(PASSWORD + "\n")
    options: dict[str, Any] = {"authenticator": authenticated, "auth_required": True}
    if security == "tls":
        options |= {"ssl_context": context, "auth_require_tls": False}
    else:
        options |= {"tls_context": context, "require_starttls": True}
    with mail_server(**options) as mailbox:
        user = ("--smtp-user", USER, "--smtp-password-file", str(secret))
        mail_rule(server, mailbox, *user, security=security)
        stranger = server.command("alert", "test", "helpdesk", check=False)
        assert "SSLCertVerificationError" in stranger.stderr, "a server nobody vouches for was told"
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
        server.command("alert", "test", "helpdesk")
        assert mailbox.encrypted == [True]
        secret.write_text("wrong")
        refused = server.command("alert", "test", "helpdesk", check=False)
        secret.write_text("pässword")
        odd = server.command("alert", "test", "helpdesk", check=False)
        assert "was not sent: UnicodeEncodeError" in odd.stderr, odd.stderr
    assert "535" in refused.stderr
    assert "wrong" not in refused.stderr
    assert "This is a test" in mailbox.text(0)
    stored = str(server.rows("SELECT rule FROM alert_rules"))
    assert PASSWORD not in stored


def test_a_webhook_is_signed(server: ClockedServer, client: httpx.Client) -> None:
    with listening_hook() as hook:
        made = server.command("alert", "add", "tickets", "--webhook", hook.url)
        (hook.secret,) = re.findall(r"whsec_\S+", made.stdout)
        laptop = enrolled(server, client, OWNER, with_usb_stick())
        hook.wait_for_calls(1, 1)
        (body,) = hook.bodies.values()
    (alert,) = body["alerts"]
    assert (alert["device"], alert["kind"], alert["severity"]) == (laptop.device, "shut_out", 3)
    assert alert["signals"] == ["usb_devices"]
    assert OWNER not in str(body)


def test_a_webhook_is_tried_again_under_the_id_it_had(
    server: ClockedServer, client: httpx.Client
) -> None:
    with listening_hook() as hook:
        hook.status = 500
        made = server.command("alert", "add", "tickets", "--webhook", hook.url)
        (hook.secret,) = re.findall(r"whsec_\S+", made.stdout)
        laptop = enrolled(server, client, OWNER, with_usb_stick())
        hook.wait_for_calls(1, 0)
        enrolled(server, client, "ben@example.com", with_usb_stick())
        hook.status = 204
        server.ahead += timedelta(minutes=1)
        hook.wait_for_calls(2, 1)
        names = hook.names[:2]
    assert names[0] == names[1]
    assert [each["device"] for each in hook.bodies[names[0]]["alerts"]] == [laptop.device]


def test_what_a_receiver_refuses_holds_up_nothing_and_its_words_stay_out_of_the_log(
    server: ClockedServer, client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    with listening_hook() as hook:
        hook.status, hook.answer = 400, b'{"err":"no_such_desk","description":"ask Ana"}'
        made = server.command("alert", "add", "tickets", "--webhook", hook.url)
        (hook.secret,) = re.findall(r"whsec_\S+", made.stdout)
        tested = server.command("alert", "test", "tickets", check=False)
        assert "no_such_desk: ask Ana" in tested.stderr
        enrolled(server, client, OWNER, with_usb_stick())
        hook.wait_for_calls(2, 0)
        until(lambda: server.rows("SELECT count(*) FROM alert_outbox") == [(0,)])
        hook.status = 204
        other = enrolled(server, client, "ben@example.com", with_usb_stick())
        hook.wait_for_calls(3, 1)
    (body,) = hook.bodies.values()
    assert [each["device"] for each in body["alerts"]] == [other.device]
    assert "alert tickets: the receiver refused it" in caplog.text
    assert "Ana" not in caplog.text


@pytest.fixture
def prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the server look often whether a laptop has fallen silent: its clock is moved."""
    monkeypatch.setattr(deadlines, "LONGEST_SLEEP_S", 0.2)


def kinds_that_wait(server: ClockedServer, rule: str = "x") -> list[str]:
    found = server.rows("SELECT name, alert FROM alert_outbox ORDER BY alert_id")
    return [json.loads(alert)["kind"] for name, alert in found if name == rule]


def unheard_rule(server: ClockedServer, name: str = "x", *more: str) -> None:
    """Make a rule where nobody listens: whatever it tells stays in the outbox."""
    url = f"http://127.0.0.1:{deaf_port()}/x"
    server.command("alert", "add", name, "--webhook", url, "--per-hour", "1000", *more)


def verdict_is(server: ClockedServer, verdict: str) -> bool:
    return server.rows("SELECT verdict FROM verdicts") == [(verdict,)]


@pytest.mark.usefixtures("prompt")
def test_one_that_is_new_and_well_or_falls_silent_and_returns_is_no_news(
    server: ClockedServer, client: httpx.Client
) -> None:
    unheard_rule(server)
    laptop = enrolled(server, client, OWNER, healthy())
    assert verdict_is(server, "compliant")
    server.ahead += timedelta(hours=3)
    until(lambda: verdict_is(server, "unknown"))
    laptop.report(client, healthy())
    assert verdict_is(server, "compliant")
    assert kinds_that_wait(server) == []
    laptop.report(client, with_usb_stick())
    server.ahead += timedelta(hours=3)
    until(lambda: verdict_is(server, "unknown"))
    laptop.report(client, with_usb_stick())
    assert kinds_that_wait(server) == ["shut_out"], "it is as it was before it fell silent"
    server.ahead += timedelta(hours=3)
    until(lambda: verdict_is(server, "unknown"))
    laptop.report(client, healthy())
    assert kinds_that_wait(server) == ["shut_out", "in_order"], "mended while it was silent"


@pytest.mark.usefixtures("prompt")
def test_that_a_laptop_falls_silent_is_told_to_a_rule_that_names_it(
    server: ClockedServer, client: httpx.Client
) -> None:
    unheard_rule(server, "quiet", "--on", "silent")
    unheard_rule(server)
    enrolled(server, client, OWNER, with_usb_stick())
    server.ahead += timedelta(hours=3)
    until(lambda: verdict_is(server, "unknown"))
    assert kinds_that_wait(server, "quiet") == ["silent"]
    assert kinds_that_wait(server) == ["shut_out"]


def test_a_receiver_that_hangs_holds_up_no_other(
    server: ClockedServer, client: httpx.Client
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hanging, listening_hook() as hook:
        url = f"http://127.0.0.1:{hanging.getsockname()[1]}/x"
        server.command("alert", "add", "a hangs", "--webhook", url)
        made = server.command("alert", "add", "b works", "--webhook", hook.url)
        (hook.secret,) = re.findall(r"whsec_\S+", made.stdout)
        enrolled(server, client, OWNER, with_usb_stick())
        hanging.settimeout(40)
        held, _ = hanging.accept()
        with held:
            hook.wait_for_calls(1, 1)
            waiting = server.rows("SELECT name FROM alert_outbox")
    assert ("a hangs",) in waiting, "the other one was given up before"


def test_a_slack_compatible_receiver_gets_text_at_the_address_in_a_file(
    server: ClockedServer, client: httpx.Client, tmp_path: Path
) -> None:
    with listening_post() as post:
        secret = tmp_path / "slack-url"
        secret.write_text(post.url + "\n")
        server.command("alert", "add", "chat", "--slack-url-file", str(secret))
        laptop = enrolled(server, client, OWNER, with_usb_stick())
        post.wait_for(1)
        (told,) = post.bodies
        assert set(told) == {"text"}
        first, _, rest = told["text"].partition("\n")
        assert first == f"*Passmuster: Laptop {laptop.device} is shut out (high): usb_devices*"
        assert f"{server.url}/fleet/devices/{laptop.device}" in rest
        assert OWNER not in told["text"]
        assert post.types == ["application/json"]
        secret.write_text("http://example.com/not-encrypted")
        refused = server.command("alert", "test", "chat", check=False)
        assert "expected https" in refused.stderr
    stored = str(server.rows("SELECT rule FROM alert_rules"))
    assert post.url not in stored, "whoever has it may post"


def test_of_another_group_nothing_is_told(server: ClockedServer, client: httpx.Client) -> None:
    server.command("group", "add", "Acme")
    with mail_server() as mailbox:
        mail_rule(server, mailbox, "--group", "Acme")
        enrolled(server, client, OWNER, with_usb_stick())
        assert server.rows("SELECT count(*) FROM alert_outbox") == [(0,)]
        other = enrolled(server, client, "ben@example.com")
        server.command("group", "move", other.device, "Acme")
        other.report(client, with_usb_stick())
        mailbox.wait_for(mails=1)
    assert [other.device in mailbox.text(number) for number in range(len(mailbox.mails))] == [True]


def test_rules_are_on_record_and_end(server: ClockedServer) -> None:
    server.command("alert", "add", "x", "--webhook", "http://127.0.0.1:9/x")
    again = server.command("alert", "add", "x", "--webhook", "http://127.0.0.1:9/x", check=False)
    assert "there is an alert 'x' already" in again.stderr
    assert "webhook http://127.0.0.1:9/x" in server.command("alert", "list").stdout
    server.command("alert", "remove", "x")
    assert server.command("alert", "list").stdout == ""
    actions = [row[0] for row in server.rows("SELECT action FROM audit_entries ORDER BY number")]
    assert [each for each in actions if each.startswith("alert.")] == [
        "alert.added",
        "alert.removed",
    ]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--email", "it@example.com"), "--smtp: missing"),
        (("--email", "it@example.com", "--smtp", "mail"), "--from: missing"),
        (
            ("--syslog", "siem.example.com", "--syslog-transport", "udp"),
            "--syslog-transport: every",
        ),
        (
            ("--syslog", "siem.example.com", "--syslog-transport", "tcp"),
            "--syslog-transport: every",
        ),
        (("--syslog", "siem.example.com:0"), "--syslog: expected HOST"),
        (("--syslog", "siem example"), "--syslog: expected HOST"),
        (
            ("--syslog", "siem.example.com", "--syslog-ca-file", "/etc/hostname"),
            "--syslog-ca-file: expected certificates",
        ),
        (("--syslog", "siem", "--syslog-ca-file", "/nowhere"), "--syslog-ca-file: can't be read"),
        (("--syslog", "siem", "--per-hour", "0"), "--per-hour: expected 1 to 1000"),
        (("--webhook", "http://example.com/x"), "--webhook: expected https"),
        (("--slack-url-file", "/nowhere"), "--slack-url-file: no such file"),
        (
            (*("--email", "it@example.com", "--from", "a@example.com"), "--smtp", "mail:x"),
            "--smtp: expected HOST",
        ),
        (
            (
                *("--email", "it@example.com", "--from", "a@example.com", "--smtp", "mail"),
                *("--smtp-security", "none"),
            ),
            "only to this machine itself",
        ),
        (
            (
                *("--email", "it@example.com\nBcc: x@example.com", "--from", "a@example.com"),
                *("--smtp", "mail"),
            ),
            "--email: expected one e-mail address",
        ),
        *(
            (
                ("--email", address, "--from", "a@example.com", "--smtp", "mail"),
                "--email: expected one e-mail address",
            )
            for address in ("it@exämple.com", "it@", "@example.com", "a..b@example.com", "it@a@b")
        ),
        (
            ("--email", "it@example.com", "--from", "gäte@example.com", "--smtp", "mail"),
            "--from: expected one e-mail address",
        ),
        (
            (
                *("--email", "it@example.com", "--from", "a@example.com", "--smtp", "mail"),
                *("--smtp-user", "pässmuster", "--smtp-password-file", "/etc/hostname"),
            ),
            "--smtp-user: expected letters",
        ),
    ],
)
def test_a_rule_that_can_not_be_is_refused_by_its_name(
    server: ClockedServer, arguments: tuple[str, ...], named: str
) -> None:
    refused = server.command("alert", "add", "x", *arguments, check=False)
    assert refused.returncode == 1
    assert named in refused.stderr
