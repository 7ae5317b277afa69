"""Who is told of what, for programs: rules of alerts."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from passmuster_server.alerts import management
from passmuster_server.alerts.asked import Way, check_elsewhere, rule_of
from passmuster_server.alerts.errors import NotSentError
from passmuster_server.alerts.events import way_of
from passmuster_server.alerts.management import NoRuleError, RuleExistsError, RuleState
from passmuster_server.alerts.rules import Hook, Rule, Severity
from passmuster_server.api.alerts_messages import (
    AlertPath,
    AlertRule,
    AlertRuleList,
    AlertTest,
    MadeAlert,
    NewAlert,
)
from passmuster_server.api.bounds import group_of
from passmuster_server.api.endpoint import PREFIX, Call, Operation, not_found
from passmuster_server.api.messages import Nothing
from passmuster_server.api.pages import PageQuery, page_of
from passmuster_server.audit.record import record
from passmuster_server.database import Transaction
from passmuster_server.gate.callers import ALERTS_MANAGE
from passmuster_server.services import Services
from passmuster_server.web.problems import RefusalError

PATH = f"{PREFIX}/alerts"
MAX_BODY = 64 * 1024
"""Bytes: certificates with each of their line breaks escaped, and the rest."""


class Alerts:
    """Lists, makes, tries and removes rules. Each change goes on record in the caller's name."""

    def __init__(self, services: Services) -> None:
        self._database = services.database
        self._public_url = services.config.public_url

    async def many(self, call: Call[Nothing, PageQuery, Nothing]) -> AlertRuleList:
        """Return one page of the rules."""
        states = await self._database.read(
            lambda connection: management.states_of(connection, call.organisation)
        )
        page, following = page_of(
            states, lambda each: each.rule.name, call.query, self._public_url + PATH
        )
        return AlertRuleList([AlertRule(**_told(each)) for each in page], following)

    async def make(self, call: Call[Nothing, Nothing, NewAlert]) -> MadeAlert:
        """Make a rule. Raises `ContractError`, `RefusalError` 409."""
        given = call.body
        way = Way(**{name: getattr(given, name) for name in Way.__struct_fields__})
        rule = rule_of(
            given.name,
            way,
            given.on,
            None,
            Severity[given.severity.upper()],
            None if given.per_hour is UNSET else given.per_hour,
        )
        check_elsewhere(rule.channel)

        def work(transaction: Transaction) -> Rule:
            connection = transaction.connection
            group = group_of(call, connection, given.group)
            made = msgspec.structs.replace(rule, group=None if group is None else group.group_id)
            event = management.add(connection, call.organisation, made, call.actor, call.now)
            record(connection, call.organisation, event, call.now)
            return made

        try:
            made = await self._database.write(work)
        except RuleExistsError as error:
            raise RefusalError(409, "exists", str(error), field="name") from None
        secret = made.channel.secret if isinstance(made.channel, Hook) else None
        return MadeAlert(**_told(RuleState(made, call.now, None, 0, "", 0)), secret=secret)

    async def test(self, call: Call[AlertPath, Nothing, Nothing]) -> AlertTest:
        """Send a test message now. Raises `RefusalError` 404."""
        organisation, name = call.organisation, call.path.alert
        try:
            rule = await self._database.read(
                lambda connection: management.find(connection, organisation, name)
            )
        except NoRuleError:
            raise not_found("alert") from None
        event = management.tested_event(rule, call.actor)
        await self._database.write(
            lambda transaction: record(transaction.connection, organisation, event, call.now)
        )
        try:
            await management.send_test(rule, self._public_url, call.now)
        except NotSentError as error:
            return AlertTest(sent=False, problem=str(error))
        return AlertTest(sent=True, problem="")

    async def remove(self, call: Call[AlertPath, Nothing, Nothing]) -> None:
        """Remove a rule. Raises `RefusalError` 404."""

        def work(transaction: Transaction) -> None:
            connection = transaction.connection
            event = management.remove(connection, call.organisation, call.path.alert, call.actor)
            record(connection, call.organisation, event, call.now)

        try:
            await self._database.write(work)
        except NoRuleError:
            raise not_found("alert") from None


def operations(services: Services) -> Sequence[Operation[Any, Any, Any]]:
    """Return what this part of the API can do."""
    made = Alerts(services)
    scopes = (ALERTS_MANAGE,)
    one = f"{PATH}/{{alert}}"
    return (
        Operation(
            "listAlerts",
            PATH,
            "The rules by name: who is told of what, and how that goes",
            scopes,
            Nothing,
            PageQuery,
            Nothing,
            AlertRuleList,
            made.many,
            of_everyone=True,
        ),
        Operation(
            "addAlert",
            PATH,
            "Make a rule: tell by e-mail, webhook, Slack or syslog",
            scopes,
            Nothing,
            Nothing,
            NewAlert,
            MadeAlert,
            made.make,
            method="POST",
            of_everyone=True,
            max_body=MAX_BODY,
        ),
        Operation(
            "testAlert",
            f"{one}/test",
            "Send a test message by this rule",
            scopes,
            AlertPath,
            Nothing,
            Nothing,
            AlertTest,
            made.test,
            method="POST",
            of_everyone=True,
            makes_nothing=True,
        ),
        Operation(
            "removeAlert",
            one,
            "Remove this rule, and what waits in it",
            scopes,
            AlertPath,
            Nothing,
            Nothing,
            None,
            made.remove,
            method="DELETE",
            of_everyone=True,
        ),
    )


def _told(state: RuleState) -> dict[str, Any]:
    rule = state.rule
    return {
        "name": rule.name,
        "channel": msgspec.to_builtins(rule.channel)["type"],
        "by": way_of(rule.channel),
        "on": list(rule.kinds),
        "group": rule.group,
        "severity": rule.least.name.lower(),
        "per_hour": rule.per_hour,
        "created_at": state.created_at,
        "delivered_at": state.delivered_at,
        "failures": state.failures,
        "problem": state.problem,
        "waiting": state.waiting,
    }
