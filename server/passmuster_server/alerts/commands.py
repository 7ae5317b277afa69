"""`passmuster-server alert`: who is told of what, and how."""

import asyncio
from argparse import ArgumentParser, Namespace, _SubParsersAction
from pathlib import Path

import msgspec

from passmuster_collectors.contract.errors import ContractError
from passmuster_server.alerts import management
from passmuster_server.alerts.asked import (
    MAX_AUTHORITIES,
    SMTP_PORTS,
    SYSLOG_PORTS,
    Files,
    Way,
    rule_of,
)
from passmuster_server.alerts.errors import NotSentError
from passmuster_server.alerts.events import way_of
from passmuster_server.alerts.management import NoRuleError, RuleExistsError
from passmuster_server.alerts.rules import (
    Hook,
    Kind,
    Rule,
    Severity,
)
from passmuster_server.audit.record import Event
from passmuster_server.commands import Command, CommandError
from passmuster_server.database import Transaction
from passmuster_server.devices import groups
from passmuster_server.schema import DEFAULT_ORGANISATION

_FLAGS = {
    "": "NAME",
    "name": "NAME",
    "sender": "--from",
    "syslog_ca": "--syslog-ca-file",
    "slack_url": "--slack-url-file",
}


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
    way.add_argument("--syslog", metavar="HOST[:PORT]", help="send CEF by syslog")
    add.add_argument("--from", dest="sender", metavar="ADDRESS", help="the e-mail's sender")
    add.add_argument("--smtp", metavar="HOST[:PORT]", help="the mail server")
    add.add_argument("--smtp-security", choices=tuple(SMTP_PORTS), default="starttls")
    add.add_argument("--smtp-user", metavar="NAME", default="")
    add.add_argument("--smtp-password-file", metavar="FILE", default="")
    add.add_argument("--syslog-transport", choices=tuple(SYSLOG_PORTS), default="tls")
    add.add_argument("--syslog-ca-file", metavar="FILE", help="authorities, else the system's")
    add.add_argument("--syslog-cleartext", action="store_true", help="who listens may read it")
    kinds = [kind.value for kind in Kind]
    add.add_argument("--on", action="append", choices=kinds, default=[], help="else on each")
    add.add_argument("--group", metavar="NAME", help="only laptops of this group")
    severities = [each.name.lower() for each in Severity]
    add.add_argument("--severity", choices=severities, default="low", help="this one or worse")
    add.add_argument("--per-hour", type=int, help="messages; the rest comes when it is over")
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
    try:
        rule = rule_of(
            arguments.name,
            _given(arguments),
            tuple(Kind(each) for each in arguments.on),
            None,
            Severity[arguments.severity.upper()],
            arguments.per_hour,
            _files(arguments),
        )
    except ContractError as error:
        field = error.field
        flag = _FLAGS.get(field, "--" + field.replace("_", "-"))
        raise CommandError(f"{flag}: {error.problem}") from None

    def work(transaction: Transaction) -> Event:
        added = rule
        if arguments.group is not None:
            try:
                found = groups.find_group(
                    transaction.connection, DEFAULT_ORGANISATION, arguments.group
                )
            except groups.GroupError as error:
                raise CommandError(f"--group: {error}") from None
            added = msgspec.structs.replace(rule, group=found.group_id)
        try:
            return management.add(transaction.connection, DEFAULT_ORGANISATION, added, "", now)
        except RuleExistsError:
            raise CommandError(f"there is an alert {rule.name!r} already") from None

    command.change(work, lambda event: event)
    if isinstance(rule.channel, Hook):
        print(f"Secret of the signatures of {rule.name}, shown this once:")
        print(rule.channel.secret)
    print(f"Try it: passmuster-server alert test {rule.name!r}")
    return 0


def _given(arguments: Namespace) -> Way:
    authorities = arguments.syslog_ca_file
    return Way(
        email=arguments.email or "",
        sender=arguments.sender or "",
        smtp=arguments.smtp or "",
        smtp_security=arguments.smtp_security,
        smtp_user=arguments.smtp_user,
        webhook=arguments.webhook or "",
        syslog=arguments.syslog or "",
        syslog_transport=arguments.syslog_transport,
        syslog_ca=_text(authorities, "--syslog-ca-file") if authorities else "",
        syslog_cleartext=arguments.syslog_cleartext,
    )


def _files(arguments: Namespace) -> Files:
    password, slack = arguments.smtp_password_file, arguments.slack_url_file
    return Files(
        _file(password, "--smtp-password-file") if password else "",
        _file(slack, "--slack-url-file") if slack else "",
    )


def _text(path: str, flag: str) -> str:
    try:
        with Path(path).open(encoding="ascii") as file:
            return file.read(MAX_AUTHORITIES + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{flag}: can't be read ({type(error).__name__})") from None


def _file(path: str, flag: str) -> str:
    found = Path(path).absolute()
    if not found.is_file():
        raise CommandError(f"{flag}: no such file")
    return str(found)


def _test(command: Command) -> int:
    rule = _found(command)
    command.change(lambda _: None, lambda _: management.tested_event(rule, ""))
    try:
        asyncio.run(management.send_test(rule, command.config.public_url, command.clock()))
    except NotSentError as error:
        raise CommandError(f"{rule.name} was not sent: {error}") from None
    print(f"Sent by {way_of(rule.channel)}.")
    return 0


def _remove(command: Command) -> int:
    rule = _found(command)
    command.change(
        lambda transaction: management.remove(
            transaction.connection, DEFAULT_ORGANISATION, rule.name, ""
        ),
        lambda event: event,
    )
    print(f"{rule.name} tells no more.")
    return 0


def _list(command: Command) -> int:
    states = command.database.read_now(
        lambda connection: management.states_of(connection, DEFAULT_ORGANISATION)
    )
    for each in states:
        rule, does = each.rule, each.problem or ("works" if each.delivered_at else "nothing sent")
        on = ", ".join(rule.kinds) or "each change"
        least = f"{rule.least.name.lower()} or worse"
        print(f"{rule.name}  {way_of(rule.channel)}  {on}  {least}  {does}  {each.waiting} wait")
    return 0


def _found(command: Command) -> Rule:
    name = command.arguments.name.strip()
    try:
        return command.database.read_now(
            lambda connection: management.find(connection, DEFAULT_ORGANISATION, name)
        )
    except NoRuleError:
        raise CommandError(f"there is no alert {name!r}") from None
