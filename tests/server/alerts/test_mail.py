"""What a mail server's answer means: it may be tried again, or never will be taken."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from passmuster_server.alerts.errors import NotSentError, RefusedError
from passmuster_server.alerts.mail import send_mail
from passmuster_server.alerts.rules import Mail
from tests.support.running_server import free_port

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)


@dataclass
class Answers:
    """What the server says of a recipient, of the mail, and of the goodbye."""

    recipient: str = "250 ok"
    mail: str = "250 taken"
    goodbye: str = "221 bye"
    taken: int = 0

    async def handle_RCPT(self, *asked: Any) -> str:  # noqa: N802 - aiosmtpd's name
        envelope, address = asked[2], asked[3]
        if self.recipient.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.recipient

    async def handle_DATA(self, *_: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.taken += self.mail.startswith("250")
        return self.mail

    async def handle_QUIT(self, *_: Any) -> str:  # noqa: N802 - aiosmtpd's name
        return self.goodbye


@contextmanager
def answering(answers: Answers) -> Iterator[Mail]:
    port = free_port()
    controller = Controller(answers, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield Mail("it@example.com", "gate@example.com", "127.0.0.1", port, "none")
    finally:
        controller.stop()


@pytest.mark.parametrize(
    "answers",
    [
        Answers(mail="554 no mail of yours to it@example.com"),
        Answers(mail="550 5.7.1 spam"),
        Answers(recipient="550 nobody of that name"),
        Answers(mail="550 5.7.1 spam", goodbye="421 too many mistakes"),
    ],
)
def test_what_it_refuses_for_good_is_not_tried_again(answers: Answers) -> None:
    with answering(answers) as mail, pytest.raises(RefusedError) as raised:
        send_mail(mail, "x", "x", NOW)
    assert str(raised.value) in ("the mail server answered 554", "the mail server answered 550")


@pytest.mark.parametrize("goodbye", ["250 ok", "421 shutting down", "502 never heard of it", "?"])
def test_what_it_took_is_sent_whatever_it_says_to_the_goodbye(goodbye: str) -> None:
    answers = Answers(goodbye=goodbye)
    with answering(answers) as mail:
        send_mail(mail, "x", "x", NOW)
    assert answers.taken == 1


@pytest.mark.parametrize(
    "answers",
    [
        Answers(mail="451 busy"),
        Answers(recipient="450 come again"),
        Answers(recipient="530 5.7.0 Authentication required"),
    ],
)
def test_anything_else_is_tried_again(answers: Answers) -> None:
    with answering(answers) as mail, pytest.raises(NotSentError) as raised:
        send_mail(mail, "x", "x", NOW)
    assert not isinstance(raised.value, RefusedError), "it would be tried no more"
