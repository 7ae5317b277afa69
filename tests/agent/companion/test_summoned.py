"""What browsers ask of a laptop: whose question it is, one at a time, and always an answer."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from passmuster_agent import reporter_process
from passmuster_agent.companion import summoned
from passmuster_agent.companion.channel import readable
from passmuster_agent.companion.messages import Attest
from passmuster_agent.companion.summoned import Summoned
from passmuster_agent.config import Device
from passmuster_agent.delivery import Delivery, DeliveryKind
from passmuster_agent.dispatch import Dispatch
from passmuster_collectors.contract.attestation import Summons
from passmuster_collectors.contract.canonical import base64url
from passmuster_collectors.contract.enrolment import KeyTier
from passmuster_collectors.host.events import NEVER

KEY = b"k" * 32
DEVICE = Device(
    version=1,
    identity="0" * 16,
    device="device-1",
    owner="ana@example.com",
    server="server",
    server_url="https://passmuster.example.com",
    pinned=False,
    tier=KeyTier.FILE,
    fingerprint="ABCD-EFGH-JKLM",
    hash_key=base64url(KEY),
)


@dataclass
class Companions:
    """Companions as the daemon meets them: `questions` to come, `told` what each was told."""

    questions: list[tuple[int, Attest]] = field(default_factory=list)
    told: list[tuple[int, int, str | None]] = field(default_factory=list)

    def has_asked(self) -> bool:
        return bool(self.questions)

    def asked(self) -> tuple[tuple[int, Attest], ...]:
        found, self.questions = tuple(self.questions), []
        return found

    def attested(self, person: int, number: int, url: str | None) -> None:
        self.told.append((person, number, url))

    def ask(self, number: int, key: bytes = KEY, person: int = 1000) -> Summons:
        summons = Summons(f"challenge{number}", "session")
        self.questions.append((person, Attest(number, summons.text(key))))
        return summons


@pytest.fixture
def companions() -> Companions:
    return Companions()


@pytest.fixture
def waiting(companions: Companions) -> Summoned:
    return Summoned(DEVICE, companions)


def delivered(attestation: str = "a.b.c", kind: DeliveryKind = DeliveryKind.ACCEPTED) -> Delivery:
    return Delivery(kind, datetime.now(UTC), attestation=attestation)


def test_a_question_of_the_organisations_is_worked_on_and_sent_back_to_its_server_alone(
    companions: Companions, waiting: Summoned
) -> None:
    assert waiting.next_at() == NEVER
    summons = companions.ask(1)
    assert waiting.next_at() < 0
    assert waiting.next(0.0) == summons
    assert waiting.next(0.0) is None
    waiting.done(delivered())
    assert companions.told == [(1000, 1, "https://passmuster.example.com/proof/return?a=a.b.c")]


def test_a_question_of_anybody_elses_costs_nothing(
    companions: Companions, waiting: Summoned
) -> None:
    companions.ask(1, key=b"x" * 32)
    assert waiting.next(0.0) is None
    assert companions.told == [(1000, 1, None)]


def test_one_is_answered_at_a_time_and_each_by_its_own(
    companions: Companions, waiting: Summoned
) -> None:
    first, second = companions.ask(1), companions.ask(2, person=1001)
    assert waiting.next(0.0) == first
    assert waiting.next_at() == NEVER
    waiting.done(delivered("one"))
    assert waiting.next_at() < 0
    assert waiting.next(0.0) == second
    waiting.done(delivered("two"))
    assert [(person, number) for person, number, _ in companions.told] == [(1000, 1), (1001, 2)]


@pytest.mark.parametrize(
    "result", [delivered("", DeliveryKind.ACCEPTED), delivered("a.b.c", DeliveryKind.LATER)]
)
def test_without_a_fresh_report_and_a_signature_the_browser_is_refused(
    companions: Companions, waiting: Summoned, result: Delivery
) -> None:
    companions.ask(1)
    waiting.next(0.0)
    waiting.done(result)
    assert companions.told == [(1000, 1, None)]


def test_more_than_a_few_a_minute_are_refused(companions: Companions, waiting: Summoned) -> None:
    for number in range(summoned.MOST + 1):
        companions.ask(number)
    waiting.next(0.0)
    assert companions.told == [(1000, summoned.MOST, None)]


def test_a_reporter_that_can_not_be_started_is_told_and_not_tried_without_a_pause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporter_process, "command", lambda *_: [str(tmp_path / "nothing")])
    dispatch = Dispatch(tmp_path, lambda _, most: most)
    summons = Summons("challenge", "session")
    dispatch.run(summons)
    result = dispatch.step(100.0)
    assert result is not None
    assert result.kind is DeliveryKind.LATER
    assert dispatch.ran == summons
    assert dispatch.next_at() > 100.0


def test_a_delivery_that_has_ended_is_told_although_the_next_reporter_can_not_be_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = tmp_path / "said"
    said.write_bytes(Delivery(DeliveryKind.ACCEPTED, datetime.now(UTC), 1).to_bytes())
    monkeypatch.setattr(reporter_process, "command", lambda *_: ["/bin/cat", str(said)])
    dispatch = Dispatch(tmp_path, lambda _, most: most)
    dispatch.wanted()
    assert dispatch.step(100.0) is None
    summons = Summons("challenge", "session")
    dispatch.run(summons)
    monkeypatch.setattr(reporter_process, "command", lambda *_: [str(tmp_path / "nothing")])
    assert readable(dispatch.descriptors(), 20.0)
    told = [(dispatch.step(101.0), dispatch.ran) for _ in range(2)]
    kinds = [(each.kind if each else None, ran) for each, ran in told]
    assert kinds == [(DeliveryKind.ACCEPTED, None), (DeliveryKind.LATER, summons)]
