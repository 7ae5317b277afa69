"""A rule as a command, a page or a program asks for it, and what is made of it."""

import re
import ssl
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from passmuster_collectors.contract.errors import ContractError
from passmuster_server import urls
from passmuster_server.alerts.rules import (
    PER_HOUR,
    Channel,
    Hook,
    Kind,
    Mail,
    Rule,
    Severity,
    Slack,
    Syslog,
)
from passmuster_server.gate.push_addresses import MAX_ADDRESS as MAX_URL
from passmuster_server.gate.push_addresses import check_push_address
from passmuster_server.loopback import is_loopback, may_be_loopback
from passmuster_server.ssf.webhooks import new_secret

MAX_NAME = 64
MAX_ADDRESS = 254
MAX_PLACE = 300
MAX_USER = 256
MAX_AUTHORITIES = 16 * 1024
MOST_PER_HOUR = 1_000
SMTP_PORTS = {"tls": 465, "starttls": 587, "none": 25}
SYSLOG_PORTS = {"tls": 6514, "tcp": 514, "udp": 514}
"""RFC 5425, section 4.1, and RFC 5426, section 3.3; over TCP it is what receivers commonly have."""

_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)
"""A mailbox as each mail server takes it: RFC 5321, section 4.1.2, without quotes."""
_PLACE = re.compile(
    r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::(\d{1,5}))?"
)


@dataclass(frozen=True)
class Files:
    """Files of this server with secrets: whoever sits at it may name them, and nobody else.

    A page or a program that could name one would have the server send its content elsewhere.
    """

    smtp_password: str = ""
    slack_url: str = ""


NO_FILES = Files()


class Way(msgspec.Struct, kw_only=True):
    """How a rule tells; exactly one of `email`, `webhook`, `slack_url` and `syslog` is given."""

    email: Annotated[str, Meta(max_length=MAX_ADDRESS, description="To whom.")] = ""
    sender: Annotated[str, Meta(max_length=MAX_ADDRESS, description="The e-mail's sender.")] = ""
    smtp: Annotated[str, Meta(max_length=MAX_PLACE, description="HOST or HOST:PORT.")] = ""
    smtp_security: Literal["tls", "starttls", "none"] = "starttls"
    smtp_user: Annotated[str, Meta(max_length=MAX_USER)] = ""
    smtp_password: Annotated[str, Meta(max_length=MAX_USER)] = ""
    webhook: Annotated[str, Meta(max_length=MAX_URL, description="Where JSON is posted to.")] = ""
    slack_url: Annotated[str, Meta(max_length=MAX_URL)] = ""
    syslog: Annotated[str, Meta(max_length=MAX_PLACE, description="HOST or HOST:PORT.")] = ""
    syslog_transport: Literal["tls", "tcp", "udp"] = "tls"
    syslog_ca: Annotated[str, Meta(max_length=MAX_AUTHORITIES, description="PEM.")] = ""
    syslog_cleartext: bool = False


def rule_of(
    name: str,
    way: Way,
    kinds: tuple[Kind, ...] = (),
    group: str | None = None,
    least: Severity = Severity.LOW,
    per_hour: int | None = None,
    files: Files = NO_FILES,
) -> Rule:
    """Return the rule. `group` is a group's id. Raises `ContractError` with the field."""
    name = name.strip()
    if not name or len(name) > MAX_NAME or not name.isprintable() or "/" in name:
        raise ContractError(
            "name", f"expected one line of at most {MAX_NAME} characters, without a slash"
        )
    channel = channel_of(way, files)
    if per_hour is None:
        # What reads CEF counts for itself.
        per_hour = MOST_PER_HOUR if isinstance(channel, Syslog) else PER_HOUR
    if not 1 <= per_hour <= MOST_PER_HOUR:
        raise ContractError("per_hour", f"expected 1 to {MOST_PER_HOUR}")
    return Rule(name, channel, tuple(dict.fromkeys(kinds)), group, least, per_hour)


def channel_of(way: Way, files: Files = NO_FILES) -> Channel:
    """Return the channel; a webhook's has a new secret. Raises `ContractError` with the field."""
    given = {
        "email": way.email,
        "webhook": way.webhook,
        "slack_url": way.slack_url or files.slack_url,
        "syslog": way.syslog,
    }
    named = [field for field, value in given.items() if value]
    if len(named) != 1:
        raise ContractError("", "name one of e-mail, webhook, Slack and syslog")
    match named[0]:
        case "webhook":
            check_push_address(way.webhook, "webhook")
            return Hook(way.webhook, new_secret())
        case "slack_url":
            if way.slack_url:
                check_push_address(way.slack_url, "slack_url")
            return Slack(files.slack_url, way.slack_url)
        case "syslog":
            return _syslog(way)
        case _:
            return _mail(way, files)


def check_encrypted(channel: Channel) -> None:
    """Raise `ContractError` where it posts by http, as the server's own shell alone may."""
    field, url = _posts_to(channel)
    if url and not url.startswith("https://"):
        raise ContractError(field, "expected https")


def check_elsewhere(channel: Channel) -> None:
    """Raise `ContractError` where anything on this server itself would be spoken to."""
    field, url = _posts_to(channel)
    if url:
        urls.check_elsewhere(url, field)
    if isinstance(channel, Mail | Syslog) and may_be_loopback(channel.host):
        raise ContractError("smtp" if isinstance(channel, Mail) else "syslog", urls.HERE)


def _posts_to(channel: Channel) -> tuple[str, str]:
    """Return the field and the address that it posts to; both are empty where it posts nowhere."""
    match channel:
        case Hook(url=url):
            return "webhook", url
        case Slack(url=url):
            return "slack_url", url
        case _:
            return "", ""


def _mail(way: Way, files: Files) -> Mail:
    if not way.smtp or not way.sender:
        raise ContractError("sender" if way.smtp else "smtp", "missing: an e-mail needs it")
    if way.smtp_security not in SMTP_PORTS:
        raise ContractError("smtp_security", f"expected one of {', '.join(SMTP_PORTS)}")
    host, port = _place("smtp", way.smtp, SMTP_PORTS[way.smtp_security])
    for field, text in (("smtp_user", way.smtp_user), ("smtp_password", way.smtp_password)):
        if not (text.isascii() and (text + "x").isprintable()):
            raise ContractError(field, "expected letters that any mail server takes (ASCII)")
        if len(text) > MAX_USER:
            raise ContractError(field, f"has more than {MAX_USER} characters")
    if way.smtp_security == "none" and not is_loopback(host):
        raise ContractError("smtp_security", "none: only to this machine itself")
    if bool(way.smtp_user) != bool(way.smtp_password or files.smtp_password):
        raise ContractError("smtp_user", "a user and a password go together")
    for field, address in (("email", way.email), ("sender", way.sender)):
        if len(address) > MAX_ADDRESS or not _ADDRESS.fullmatch(address):
            raise ContractError(field, "expected one e-mail address")
    return Mail(
        way.email,
        way.sender,
        host,
        port,
        way.smtp_security,
        way.smtp_user,
        files.smtp_password,
        way.smtp_password,
    )


def _syslog(way: Way) -> Syslog:
    if way.syslog_transport not in SYSLOG_PORTS:
        raise ContractError("syslog_transport", f"expected one of {', '.join(SYSLOG_PORTS)}")
    host, port = _place("syslog", way.syslog, SYSLOG_PORTS[way.syslog_transport])
    encrypted = way.syslog_transport == "tls"
    if not (encrypted or way.syslog_cleartext or is_loopback(host)):
        raise ContractError(
            "syslog_transport", "everybody on the way can read it: say that it may be so, or tls"
        )
    if way.syslog_ca and not encrypted:
        raise ContractError("syslog_ca", "is for tls")
    if way.syslog_ca:
        _check_authorities(way.syslog_ca)
    return Syslog(host, port, way.syslog_transport, way.syslog_ca)


def _check_authorities(pem: str) -> None:
    if len(pem) > MAX_AUTHORITIES:
        raise ContractError("syslog_ca", f"has more than {MAX_AUTHORITIES} characters")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=pem)
    except (ssl.SSLError, ValueError):
        raise ContractError("syslog_ca", "expected certificates as PEM") from None
    if not context.cert_store_stats()["x509_ca"]:
        raise ContractError("syslog_ca", "has no certificate of an authority")


def _place(field: str, text: str, port: int) -> tuple[str, int]:
    found = _PLACE.fullmatch(text) if len(text) <= MAX_PLACE else None
    number = int(found[2]) if found and found[2] else port
    if found is None or not 1 <= number <= 65_535:
        raise ContractError(field, "expected HOST or HOST:PORT, an IPv6 address in brackets")
    return found[1].strip("[]"), number
