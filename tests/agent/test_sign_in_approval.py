"""Waiting until a person has approved: how often it asks, and what ends it (RFC 8628)."""

import dataclasses
from collections.abc import Iterator

import pytest

from passmuster_agent.errors import AgentError, ExitCode
from passmuster_agent.sign_in_approval import NotYetError, told, wait_for_approval
from passmuster_agent.transport import UnreachableError
from passmuster_collectors.contract.enrolment import ApprovalStarted, Enrolled

STARTED = ApprovalStarted("ABCD", "WDJB-MJHT", "https://it.example.com/enroll", 600, 5)
ENROLLED = Enrolled("device", "ana@example.com", "server", "nonce", "key", 900)
REFUSED = AgentError("This laptop was turned down.", "", ExitCode.REFUSED)


class Waiting:
    """A clock that sleeping moves, and answers that come one after the other."""

    def __init__(self, *answers: AgentError | Enrolled) -> None:
        self.answers: Iterator[AgentError | Enrolled] = iter(answers)
        self.slept: list[float] = []
        self.started = STARTED

    def ask(self) -> Enrolled:
        answer = next(self.answers, NotYetError(slow_down=False))
        if isinstance(answer, AgentError):
            raise answer
        return answer

    def wait(self) -> Enrolled:
        return wait_for_approval(self.started, self.ask, self.slept.append, lambda: sum(self.slept))


def test_it_asks_at_the_interval_until_it_is_approved() -> None:
    waiting = Waiting(*[NotYetError(slow_down=False)] * 2, ENROLLED)
    assert waiting.wait() is ENROLLED
    assert waiting.slept == [5, 5, 5]


def test_it_slows_down_when_it_is_told_to() -> None:
    waiting = Waiting(NotYetError(slow_down=True), NotYetError(slow_down=True), ENROLLED)
    waiting.wait()
    assert waiting.slept == [5, 10, 15]


def test_it_outlasts_a_network_that_is_gone_for_a_while_and_backs_off() -> None:
    waiting = Waiting(*[UnreachableError("No network.", "")] * 5, ENROLLED)
    assert waiting.wait() is ENROLLED
    assert waiting.slept == [5, 10, 20, 40, 60, 60]


def test_a_server_that_asked_for_long_pauses_is_asked_no_sooner_for_a_lost_network() -> None:
    slow = [NotYetError(slow_down=True)] * 12
    waiting = Waiting(*slow, UnreachableError("No network.", ""), ENROLLED)
    waiting.started = dataclasses.replace(STARTED, expires_in_s=3_600)
    waiting.wait()
    assert waiting.slept[-2:] == [65, 65]


def test_a_network_that_stays_away_is_named_at_the_end() -> None:
    waiting = Waiting(NotYetError(slow_down=False), *[UnreachableError("No network.", "")] * 20)
    with pytest.raises(UnreachableError, match="No network"):
        waiting.wait()
    back = Waiting(UnreachableError("No network.", ""))
    with pytest.raises(AgentError, match="Nobody approved"):
        back.wait()


def test_a_refusal_ends_it_at_once() -> None:
    waiting = Waiting(REFUSED)
    with pytest.raises(AgentError, match="turned down"):
        waiting.wait()
    assert waiting.slept == [5]


def test_it_ends_with_the_code() -> None:
    waiting = Waiting()
    with pytest.raises(AgentError, match="Nobody approved this laptop in time") as caught:
        waiting.wait()
    assert caught.value.exit_code is ExitCode.REFUSED
    assert 590 <= sum(waiting.slept) <= 600


def test_a_person_is_told_where_to_go_what_to_type_and_what_to_compare() -> None:
    text = told(STARTED, "ABCD-EFGH-JKLM", "ana@example.com")
    for part in (
        "https://it.example.com/enroll",
        "sign in as ana@example.com",
        "WDJB-MJHT",
        "ABCD-EFGH-JKLM",
        "10 minutes",
    ):
        assert part in text
    assert "?" not in text.split("enroll")[1][:1], "expected an address without the code in it"
