"""What the gate says once more of what it allowed a moment ago."""

from types import SimpleNamespace
from typing import Any

import pytest

from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.database import StoreUnavailableError
from passmuster_server.gate.decision import Question
from passmuster_server.gate.recorder import Record
from passmuster_server.gate.service import GateService
from passmuster_server.policy.default_document import default_document
from passmuster_server.policy.document import parse
from passmuster_server.policy.standing import Standing
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support.example_standings import NOW, standing, standings_of

QUESTION = Question(DEFAULT_ORGANISATION, "ana@example.com", "Helpdesk")


def gate(recorded: list[Record], *items: Standing, in_touch: bool = True) -> GateService:
    """Return a gate that puts on record into a list."""
    recorder: Any = SimpleNamespace(put=recorded.append)
    policy = parse(default_document(), 1)
    return GateService(
        standings_of(*items), recorder, lambda _: policy, lambda: NOW, lambda: in_touch
    )


def test_an_allow_that_stands_is_not_recorded_again() -> None:
    recorded: list[Record] = []
    assert gate(recorded, standing()).still_allows("sso", QUESTION)
    assert recorded == []


def test_a_deny_is_recorded_under_who_asked() -> None:
    recorded: list[Record] = []
    fallen = standing(verdict=Verdict.NON_COMPLIANT)
    assert not gate(recorded, fallen).still_allows("sso", QUESTION)
    (record,) = recorded
    assert (record.client, record.question, record.decision.allowed) == ("sso", QUESTION, False)


def test_nothing_still_stands_while_changes_are_not_heard() -> None:
    with pytest.raises(StoreUnavailableError):
        gate([], standing(), in_touch=False).still_allows("sso", QUESTION)
