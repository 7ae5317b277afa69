"""What a laptop is told has the contract's very bytes."""

from datetime import UTC, datetime

import pytest

from passmuster_collectors.contract import codec, strict_json
from passmuster_collectors.contract.canonical import canonical_bytes
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.reading import Reading
from passmuster_collectors.contract.verdict import Answer
from passmuster_server.policy.default_document import default_document
from passmuster_server.policy.document import parse
from passmuster_server.policy.judgement import judge_device
from passmuster_server.policy.overlays import Subject
from passmuster_server.policy.standing import Standing
from passmuster_server.reports.answer import answer_bytes, without_limits
from tests.support.example_readings import healthy, with_stick
from tests.support.example_standings import standing

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
LIMITS = (("screen_lock", 300), ("idle_logoff", 900))


def judged(readings: tuple[Reading, ...]) -> Standing:
    policy, subject = parse(default_document(), 1), Subject(Platform.LINUX)
    found = judge_device({each.signal: each for each in readings}, policy, subject, (), NOW)
    return standing(found.verdict, signals=found.signals)


@pytest.mark.parametrize("limits", [(), LIMITS])
@pytest.mark.parametrize("readings", [healthy(NOW), with_stick(NOW)])
def test_an_answer_is_in_the_canonical_form_and_says_every_signal(
    readings: tuple[Reading, ...], limits: tuple[tuple[str, int], ...]
) -> None:
    told = judged(readings)
    body = answer_bytes(told, "nonce", NOW, 600, limits)
    value = strict_json.parse(body)
    assert canonical_bytes(value) == body
    answer = codec.decode(Answer, value)
    assert answer.verdict is told.verdict
    assert [(each.signal, each.title, each.outcome) for each in answer.signals] == [
        (each.signal, each.title, each.outcome) for each in told.signals
    ]
    assert [each.reasons for each in answer.signals] == [
        tuple(reason.worker for reason in each.reasons) for each in told.signals
    ]
    assert [each.remedies for each in answer.signals] == [
        tuple(reason.remedy for reason in each.reasons if reason.remedy) for each in told.signals
    ]
    within = {each.signal: each.within_s for each in answer.signals if each.within_s}
    assert within == dict(limits)
    assert without_limits(body) == answer_bytes(told, "nonce", NOW, 600, ())
