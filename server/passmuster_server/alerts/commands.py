"""`passmuster-server alert`: who is told of what, and how."""

import asyncio
import re
import secrets
from argparse import ArgumentParser, Namespace, _SubParsersAction
from pathlib import Path

from passmuster_collectors.contract.errors import ContractError
from passmuster_server.alerts.channels import NotSentError, send
from passmuster_server.alerts.rules import (
    PER_HOUR,
    Hook,
    Kind,
    Mail,
    Rule,
    Severity,
    Slack,
    add_rule,
    remove_rule,
    rules_of,
)
from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event
from passmuster_server.commands import Command, CommandError
from passmuster_server.database import Transaction
from passmuster_server.devices import groups
from passmuster_server.gate.push_addresses import check_push_address
from passmuster_server.loopback import is_loopback
from passmuster_server.schema import DEFAULT_ORGANISATION
from passmuster_server.ssf.push import Pusher
from passmuster_server.ssf.webhooks import new_secret

MAX_NAME = 64
MAX_ADDRESS = 254
_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)
"""A mailbox as each mail server takes it: RFC 5321, section 4.1.2, without quotes."""
PORTS = {"tls": 465, "starttls": 587, "none": 25}


def add_commands(parsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Register `alert`."""
    parser = parsers.add_parser("alert", help="tell IT of laptops that are shut out")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    add = actions.add_parser("add", help="make a rule")
    add.add_argument("name", metavar="NAME")
    way = add.add_mutually_exclusive_group(required=True)
    way.add_argument("--email", metavar="TO", help="send e-mail to this address")
    way.add_argument("--webhook", metavar="URL", help="post JSON, signed by a secret it prints")
    way.add_argument("--slack-url-file", metavar="FILE", help="post text to the address in it")
    add.add_argument("--from", dest="sender", metavar="ADDRESS", help="the e-mail's sender")
    add.add_argument("--smtp", metavar="HOST[:PORT]", help="the mail server")
    add.add_argument("--smtp-security", choices=tuple(PORTS), default="starttls")
    add.add_argument("--smtp-user", metavar="NAME", default="")
    add.add_argument("--smtp-password-file", metavar="FILE", default="")
    kinds = [kind.value for kind in Kind]
    add.add_argument("--on", action="append", choices=kinds, default=[], help="else on each")
    add.add_argument("--group", metavar="NAME", help="only laptops of this group")
    severities = [each.name.lower() for each in Severity]
    add.add_argument("--severity", choices=severities, default="low", help="this one or worse")
    add.add_argument("--per-hour", type=int, default=PER_HOUR, help="messages, before a digest")
    add.set_defaults(run=_add)
    for action, about, run in (
        ("test", "send a test message", _test),
        ("remove", "send no more", _remove),
    ):
        one = actions.add_parser(action, help=about)
        one.add_argument("name", metavar="NAME")
        one.set_defaults(run=run)
    actions.add_parser("list", help="show all rules").set_defaults(run=_list)


def _add(command: Command) -> int:
    arguments, now = command.arguments, command.clock()
    name = arguments.name.strip()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise CommandError(f"NAME: expected one line of at most {MAX_NAME} characters")
    if not 1 <= arguments.per_hour <= 1_000:
        raise CommandError("--per-hour: expected 1 to 1000")
    channel = _channel(arguments)

    def work(transaction: Transaction) -> None:
        group = None
        if arguments.group is not None:
            try:
                found = groups.find_group(
                    transaction.connection, DEFAULT_ORGANISATION, arguments.group
                )
            except groups.GroupError as error:
                raise CommandError(f"--group: {error}") from None
            group = found.group_id
        rule = Rule(
            name,
            channel,
            tuple(Kind(each) for each in arguments.on),
            group,
            Severity[arguments.severity.upper()],
            arguments.per_hour,
        )
        if not add_rule(transaction.connection, DEFAULT_ORGANISATION, rule, now):
            raise CommandError(f"there is an alert {name!r} already")

    details = {"by": _way(channel), "on": ", ".join(arguments.on) or "each change"}
    command.change(work, lambda _: _event(Action.ALERT_ADDED, name, channel, **details))
    if isinstance(channel, Hook):
        print(f"Secret of the signatures of {name}, shown this once:")
        print(channel.secret)
    print(f"Try it: passmuster-server alert test {name!r}")
    return 0


def _channel(arguments: Namespace) -> Mail | Hook | Slack:
    if arguments.webhook is not None:
        try:
            check_push_address(arguments.webhook)
        except ContractError as error:
            raise CommandError(f"--webhook: {error.problem}") from None
        return Hook(arguments.webhook, new_secret())
    if arguments.slack_url_file is not None:
        return Slack(_file(arguments.slack_url_file, "--slack-url-file"))
    if not arguments.smtp or not arguments.sender:
        raise CommandError("--email needs --smtp and --from")
    host, _, port = arguments.smtp.partition(":")
    if port and not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65_535):
        raise CommandError("--smtp: expected HOST or HOST:PORT")
    for flag, value in (("--smtp", host), ("--smtp-user", arguments.smtp_user)):
        if not (value.isascii() and value.isprintable()):
            raise CommandError(f"{flag}: expected letters that any mail server takes (ASCII)")
    if arguments.smtp_security == "none" and not is_loopback(host):
        raise CommandError("--smtp-security none: only to this machine itself")
    if bool(arguments.smtp_user) != bool(arguments.smtp_password_file):
        raise CommandError("--smtp-user and --smtp-password-file go together")
    for flag, address in (("--email", arguments.email), ("--from", arguments.sender)):
        if len(address) > MAX_ADDRESS or not _ADDRESS.fullmatch(address):
            raise CommandError(f"{flag}: expected one e-mail address")
    password = arguments.smtp_password_file
    return Mail(
        arguments.email,
        arguments.sender,
        host,
        int(port) if port else PORTS[arguments.smtp_security],
        arguments.smtp_security,
        arguments.smtp_user,
        _file(password, "--smtp-password-file") if password else "",
    )


def _file(path: str, flag: str) -> str:
    found = Path(path).absolute()
    if not found.is_file():
        raise CommandError(f"{flag}: no such file")
    return str(found)


def _test(command: Command) -> int:
    rule = _found(command)

    async def sent() -> None:
        pusher = Pusher()
        try:
            url, now = command.config.public_url, command.clock()
            await send(pusher, rule, secrets.token_hex(16), (), 0, url, now)
        finally:
            await pusher.close()

    try:
        asyncio.run(sent())
    except NotSentError as error:
        raise CommandError(f"{rule.name} was not sent: {error}") from None
    command.change(lambda _: None, lambda _: _event(Action.ALERT_TESTED, rule.name, rule.channel))
    print(f"Sent by {_way(rule.channel)}.")
    return 0


def _remove(command: Command) -> int:
    rule = _found(command)
    command.change(
        lambda transaction: remove_rule(transaction.connection, DEFAULT_ORGANISATION, rule.name),
        lambda _: _event(Action.ALERT_REMOVED, rule.name, rule.channel),
    )
    print(f"{rule.name} tells no more.")
    return 0


def _event(action: Action, name: str, channel: Mail | Hook | Slack, **details: str) -> Event:
    # The address may be a person's, and is then found and erased with the person.
    person = channel.to if isinstance(channel, Mail) else ""
    return Event(action, subject=name, person=person, details=details)


def _list(command: Command) -> int:
    for rule in _rules(command):
        on = ", ".join(rule.kinds) or "each change"
        print(f"{rule.name}  {_way(rule.channel)}  {on}  {rule.least.name.lower()} or worse")
    return 0


def _rules(command: Command) -> list[Rule]:
    return command.database.read_now(lambda connection: rules_of(connection, DEFAULT_ORGANISATION))


def _found(command: Command) -> Rule:
    name = command.arguments.name.strip()
    for rule in _rules(command):
        if rule.name == name:
            return rule
    raise CommandError(f"there is no alert {name!r}")


def _way(channel: Mail | Hook | Slack) -> str:
    match channel:
        case Mail(to=to, host=host):
            return f"e-mail to {to} through {host}"
        case Hook(url=url):
            return f"webhook {url}"
        case Slack(url_file=path):
            return f"Slack, address in {path}"
