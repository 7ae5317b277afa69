"""Ways to tell: e-mail, a signed webhook, a Slack-compatible post, CEF by syslog."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TypeVarTuple

import msgspec

from passmuster_collectors.contract.errors import ContractError
from passmuster_server.alerts.cef import messages_of
from passmuster_server.alerts.errors import NotSentError, RefusedError
from passmuster_server.alerts.mail import send_mail
from passmuster_server.alerts.rules import Alert, Hook, Mail, Rule, Slack, Syslog
from passmuster_server.alerts.secret_files import read_secret
from passmuster_server.alerts.syslog import send_syslog
from passmuster_server.gate.push_addresses import check_push_address
from passmuster_server.ssf import webhooks
from passmuster_server.ssf.push import Outcome, Pusher

Arguments = TypeVarTuple("Arguments")

SIDE_BY_SIDE = 4
"""Messages that are on their way at once."""
TESTS_SIDE_BY_SIDE = 4
"""Tests beside them."""

_THREADS = ThreadPoolExecutor(SIDE_BY_SIDE + TESTS_SIDE_BY_SIDE, "alerts")
"""Of their own: a receiver that hangs takes no thread in which the database is read."""


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
    lines = [f"{each.line}\n{each.link(public_url)}" for each in alerts]
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

    By `message_id` a receiver of webhooks or CEF knows what it has already.
    """
    subject, text = subject_of(alerts, more), text_of(alerts, more, public_url)
    match rule.channel:
        case Mail() as mail:
            await _in_thread(send_mail, mail, subject, text, now)
        case Syslog() as syslog:
            messages = messages_of(alerts, message_id, public_url, now)
            await _in_thread(send_syslog, syslog, messages)
        case Hook(url=url, secret=secret):
            told = {
                "jti": message_id,
                "type": "passmuster.alert" if alerts else "passmuster.alert.test",
                "rule": rule.name,
                "alerts": msgspec.to_builtins(list(alerts)),
                "more": more,
            }
            await _post(pusher, url, *webhooks.signed(told, secret, now))
        case Slack(url_file=path, url=given):
            url = given or read_secret(path)
            try:
                check_push_address(url)
            except ContractError as error:
                where = f"in {path}" if path else "given"
                raise NotSentError(f"the address {where}: {error.problem}") from None
            body = msgspec.json.encode({"text": f"*{subject}*\n{text}"})
            await _post(pusher, url, body, {"Content-Type": "application/json"})


async def _in_thread(work: Callable[[*Arguments], None], *arguments: *Arguments) -> None:
    await asyncio.get_running_loop().run_in_executor(_THREADS, work, *arguments)


async def _post(pusher: Pusher, url: str, body: bytes, headers: dict[str, str]) -> None:
    pushed = await pusher.post(url, body, headers)
    if pushed.outcome is Outcome.REFUSED:
        raise RefusedError(pushed.why)
    if pushed.outcome is not Outcome.TAKEN:
        raise NotSentError(pushed.why)
