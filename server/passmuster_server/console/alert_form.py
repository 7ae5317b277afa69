"""The form that makes a rule: what stands in it, and what is made of it."""

from collections.abc import Mapping

from passmuster_collectors.contract.errors import ContractError
from passmuster_server.alerts.asked import Way, check_encrypted, rule_of
from passmuster_server.alerts.rules import Kind, Rule, Severity

WAYS: Mapping[str, str] = {
    "email": "E-mail",
    "webhook": "Signed webhook",
    "slack": "Slack",
    "syslog": "Syslog (CEF)",
}
LABELS: Mapping[str, str] = {
    "name": "Name",
    "severity": "How bad",
    "group": "Whose laptops",
    "per_hour": "Messages in an hour",
    "email": "To",
    "sender": "From",
    "smtp": "Mail server",
    "smtp_security": "Encryption",
    "smtp_user": "User",
    "smtp_password": "Password",
    "webhook": "Address",
    "slack_url": "Address",
    "syslog": "Receiver",
    "syslog_transport": "Transport",
    "syslog_ca": "Authorities",
    "": "Alert",
}
SECRETS = frozenset({"smtp_password", "slack_url"})
"""What a page never shows again, though it was typed a moment ago."""

_TEXTS: Mapping[str, tuple[str, ...]] = {
    "email": ("email", "sender", "smtp", "smtp_security", "smtp_user", "smtp_password"),
    "webhook": ("webhook",),
    "slack": ("slack_url",),
    "syslog": ("syslog", "syslog_transport", "syslog_ca"),
}
MOST_DIGITS = 6
BEFORE_ON = "on_"


def asked_rule(fields: Mapping[str, str], groups: Mapping[str, str]) -> Rule:
    """Return the rule that a form asks for; `groups` are names by id.

    Raises `ContractError`, whose field is one of `LABELS`.
    """
    texts = _TEXTS.get(fields.get("way", ""))
    if texts is None:
        raise ContractError("", "choose how it tells")
    given: dict[str, str] = {name: fields[name].strip() for name in texts if fields.get(name)}
    way = Way(**given, syslog_cleartext=fields.get("syslog_cleartext") == "yes")  # type: ignore[arg-type]
    group = fields.get("group", "") or None
    if group is not None and group not in groups:
        raise ContractError("group", "there is no such group")
    severity = fields.get("severity", Severity.LOW.name).upper()
    if severity not in Severity.__members__:
        raise ContractError("severity", "choose one")
    kinds = tuple(kind for kind in Kind if fields.get(f"{BEFORE_ON}{kind.value}") == "yes")
    per_hour = _number(fields.get("per_hour", ""))
    rule = rule_of(fields.get("name", ""), way, kinds, group, Severity[severity], per_hour)
    check_encrypted(rule.channel)
    return rule


def _number(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS):
        raise ContractError("per_hour", "expected a number")
    return int(text)
