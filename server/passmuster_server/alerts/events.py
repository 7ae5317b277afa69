"""What goes on record about a rule, and how it is called there."""

from passmuster_server.alerts.rules import Channel, Hook, Mail, Rule, Slack, Syslog
from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event


def added_event(rule: Rule, actor: str) -> Event:
    """Return what goes on record where a rule is made."""
    on = ", ".join(rule.kinds) or "each change"
    by = way_of(rule.channel)
    if isinstance(rule.channel, Mail):
        # Not from whom: an entry is erased with the one person whom it is about.
        by = f"e-mail to {rule.channel.to} through {rule.channel.host}"
    return event_of(Action.ALERT_ADDED, rule, actor, by=by, on=on)


def event_of(action: Action, rule: Rule, actor: str, **details: str) -> Event:
    """Return what goes on record about a rule."""
    # The address may be a person's, and is then found and erased with the person.
    person = rule.channel.to if isinstance(rule.channel, Mail) else ""
    return Event(action, actor, subject=rule.name, person=person, details=details)


def way_of(channel: Channel) -> str:
    """Return in words how the rule tells, without a secret."""
    match channel:
        case Mail(to=to, sender=sender, host=host):
            return f"e-mail to {to} from {sender} through {host}"
        case Hook(url=url):
            return f"webhook {url}"
        case Slack(url_file=""):
            return "Slack"
        case Slack(url_file=path):
            return f"Slack, by the address in {path}"
        case Syslog(host=host, port=port, transport=transport):
            return f"syslog to {host}, port {port}, by {transport.upper()}"
