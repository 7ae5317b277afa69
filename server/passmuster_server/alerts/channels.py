"""Ways to tell: e-mail, a signed webhook, a Slack-compatible post."""

import asyncio
import smtplib
import ssl
from collections.abc import Sequence
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path

import msgspec

from passmuster_collectors.contract.errors import ContractError
from passmuster_server.alerts.rules import Alert, Hook, Mail, Rule, Slack
from passmuster_server.gate.push_addresses import check_push_address
from passmuster_server.ssf import webhooks
from passmuster_server.ssf.push import Outcome, Pusher

TIMEOUT_S = 20.0
MAX_SECRET = 4_096


class NotSentError(Exception):
    """It could not be sent. The message says why, without anything of the alert or a secret."""


class RefusedError(NotSentError):
    """The receiver has read it and does not want it: it would not another time.

    The message is in its own words, which may name a person: for whoever sits at the terminal.
    """


def subject_of(alerts: Sequence[Alert], more: int) -> str:
    """Return the one line that says what it is about."""
    if not alerts:
        return "Passmuster: a test of this alert"
    if len(alerts) + more == 1:
        return f"Passmuster: {alerts[0].line}"
    return f"Passmuster: {len(alerts) + more} changes"


def text_of(alerts: Sequence[Alert], more: int, public_url: str) -> str:
    """Return the text: a line and a link for each alert."""
    if not alerts:
        return f"This is a test. Alerts of {public_url} arrive here."
    lines = [f"{each.line}\n{public_url}/fleet/devices/{each.device}" for each in alerts]
    if more:
        lines.append(f"And {more} more: {public_url}/fleet")
    return "\n\n".join(lines)


async def send(
    pusher: Pusher,
    rule: Rule,
    message_id: str,
    alerts: Sequence[Alert],
    more: int,
    public_url: str,
    now: datetime,
) -> None:
    """Send one message; without alerts it is a test. Raises `NotSentError`, `RefusedError`.

    By `message_id` a webhook's receiver knows what it has already.
    """
    subject, text = subject_of(alerts, more), text_of(alerts, more, public_url)
    match rule.channel:
        case Mail() as mail:
            await asyncio.to_thread(_mail, mail, subject, text, now)
        case Hook(url=url, secret=secret):
            told = {
                "jti": message_id,
                "type": "passmuster.alert" if alerts else "passmuster.alert.test",
                "rule": rule.name,
                "alerts": msgspec.to_builtins(list(alerts)),
                "more": more,
            }
            await _post(pusher, url, *webhooks.signed(told, secret, now))
        case Slack(url_file=path):
            url = _secret(path)
            try:
                check_push_address(url)
            except ContractError as error:
                raise NotSentError(f"the address in {path}: {error.problem}") from None
            body = msgspec.json.encode({"text": f"*{subject}*\n{text}"})
            await _post(pusher, url, body, {"Content-Type": "application/json"})


async def _post(pusher: Pusher, url: str, body: bytes, headers: dict[str, str]) -> None:
    pushed = await pusher.post(url, body, headers)
    if pushed.outcome is Outcome.REFUSED:
        raise RefusedError(pushed.why)
    if pushed.outcome is not Outcome.TAKEN:
        raise NotSentError(pushed.why)


def _mail(mail: Mail, subject: str, text: str, now: datetime) -> None:
    # As our own name to the server as well: looking up this machine's would ask a name server.
    domain = mail.sender.rpartition("@")[2]
    context = ssl.create_default_context()
    try:
        message = _written(mail, domain, subject, text, now)
        with (
            smtplib.SMTP_SSL(mail.host, mail.port, domain, timeout=TIMEOUT_S, context=context)
            if mail.security == "tls"
            else smtplib.SMTP(mail.host, mail.port, domain, timeout=TIMEOUT_S)
        ) as server:
            if mail.security == "starttls":
                server.starttls(context=context)
            if mail.user:
                server.login(mail.user, _secret(mail.password_file))
            server.send_message(message)
    except smtplib.SMTPResponseException as error:
        # Its text may repeat an address.
        raise NotSentError(f"the mail server answered {error.smtp_code}") from None
    except (smtplib.SMTPException, OSError, ssl.SSLError) as error:
        raise NotSentError(type(error).__name__) from None
    except (ValueError, IndexError, AttributeError) as error:
        # What smtplib and email make of characters that neither expects.
        raise NotSentError(type(error).__name__) from None


def _written(mail: Mail, domain: str, subject: str, text: str, now: datetime) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = mail.sender, mail.to, subject
    message["Date"] = format_datetime(now)
    message["Message-ID"] = make_msgid(domain=domain)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    return message


def _secret(path: str) -> str:
    try:
        with Path(path).open(encoding="utf-8") as file:
            secret = file.read(MAX_SECRET).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise NotSentError(f"{path} can't be read ({type(error).__name__})") from None
    if not secret:
        raise NotSentError(f"{path} is empty")
    return secret
