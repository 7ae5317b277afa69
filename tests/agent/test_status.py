"""`status`: whose word is shown, and that what it shows can't mislead."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from passmuster_agent import delivery_words
from passmuster_agent.advice import JudgedBy
from passmuster_agent.config import Device
from passmuster_agent.delivery import KEY_UNUSABLE, Delivery, DeliveryKind, Obstacle
from passmuster_agent.outbox_overview import Overview
from passmuster_agent.records import new_record
from passmuster_agent.refusals import STOPPING
from passmuster_agent.status import AgentStatus, Service, describe
from passmuster_agent.status_text import render
from passmuster_agent.told import LastTry, Told, as_status
from passmuster_collectors.contract.enrolment import KeyTier
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.reading import Reading, Source, SourceOutcome, Status
from passmuster_collectors.contract.verdict import Answer, Outcome, Remedy, SignalVerdict, Verdict
from passmuster_collectors.languages import NAMES, language_of
from passmuster_collectors.signals import CATALOG
from tests.support.worker_texts import english_left

NOW = datetime.now(UTC)
DEVICE = Device(
    version=1,
    identity="0" * 16,
    device="device-1",
    owner="ana@example.com",
    server="server",
    server_url="https://passmuster.example.com",
    pinned=True,
    tier=KeyTier.FILE,
    fingerprint="ABCD-EFGH-JKLM",
    hash_key="A" * 43,
)
READINGS = tuple(
    Reading(
        each.id,
        Status.UNAVAILABLE,
        f"{each.id} could not be read.",
        None,
        (Source("/proc/test", SourceOutcome.DENIED, "EACCES"),),
        NOW,
    )
    for each in CATALOG
)
ANSWER = Answer(
    version=1,
    verdict=Verdict.GRACE,
    judged_at=NOW,
    policy_version=1,
    signals=tuple(
        SignalVerdict(each.id, each.title, Outcome.FAIL, ("The server says so.",), ())
        for each in CATALOG
    ),
    grace_until=NOW + timedelta(days=1),
    nonce="nonce",
    report_within_s=3600,
)
OVERVIEW = Overview(
    waiting=0,
    set_aside=(),
    dropped=0,
    latest=new_record("device-1", Platform.LINUX, NOW, READINGS),
    reported=True,
    answer=ANSWER,
    answered_at=NOW,
    report_within_s=3600,
    delivery=Delivery(DeliveryKind.ACCEPTED, NOW),
)


def described(**changes: object) -> AgentStatus:
    overview = dataclasses.replace(OVERVIEW, **changes)  # type: ignore[arg-type]
    return describe(DEVICE, overview, READINGS, Platform.LINUX, running=True)


def test_the_servers_word_counts_while_it_is_about_what_is_found_now() -> None:
    status = described()
    assert status.current
    assert {each.judged_by for each in status.signals} == {JudgedBy.SERVER}
    assert {each.outcome for each in status.signals} == {Outcome.FAIL}
    text = render(status, colour=False)
    assert "Verdict: grace, to be fixed by" in text
    assert "(23 hours left)" in text
    assert "The server says so." in text
    assert "advice" not in text


def test_what_has_changed_since_is_advice_and_the_rest_the_servers_word() -> None:
    changed = dataclasses.replace(READINGS[0], reason="Something else.")
    status = describe(DEVICE, OVERVIEW, (changed, *READINGS[1:]), Platform.LINUX, running=True)
    assert [each.judged_by for each in status.signals] == [
        JudgedBy.ADVICE,
        *[JudgedBy.SERVER] * (len(CATALOG) - 1),
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"delivery": Delivery(DeliveryKind.LATER, NOW, problem="No network.", remedy="Wait.")},
        {"delivery": Delivery(DeliveryKind.STOPPED, NOW, problem="Revoked.", remedy="Ask IT.")},
        {"reported": False},
        {"answer": None, "answered_at": None},
        {"answered_at": NOW - timedelta(seconds=3700)},
        {"answered_at": NOW + timedelta(days=1)},
    ],
    ids=["offline", "stopped", "not yet reported", "never", "too old", "clock set back"],
)
def test_otherwise_it_is_advice_and_says_so(changes: dict[str, object]) -> None:
    status = described(**changes)
    assert not status.current
    assert {each.judged_by for each in status.signals} == {JudgedBy.ADVICE}
    assert {each.outcome for each in status.signals} == {Outcome.UNKNOWN}, "unknown is no pass"
    text = render(status, colour=False)
    assert text.count("advice of this laptop, not the server's word") == len(CATALOG)
    assert "The server says so." not in text


def test_trouble_is_told_with_what_to_do() -> None:
    text = render(
        described(
            delivery=Delivery(DeliveryKind.LATER, NOW, problem="No network.", remedy="Wait."),
            waiting=3,
            dropped=2,
            set_aside=("records[0].x: wrong",),
        ),
        colour=False,
    )
    for words in ("No network.", "Wait.", "3 record(s) wait", "2 record(s) did not fit"):
        assert words in text
    assert "put aside: records[0].x: wrong" in text


def tried(problem: str, remedy: str = "", code: str = "") -> AgentStatus:
    """Return what is told after a try to report that did not get through."""
    server = "https://passmuster.example.com"
    said = problem.format(server=server, status=502, count=30, reason="unable to get it")
    return described(
        delivery=Delivery(DeliveryKind.LATER, NOW, code=code, problem=said, remedy=remedy)
    )


def window(kind: DeliveryKind, obstacle: Obstacle, *, key_usable: bool = True) -> AgentStatus:
    """Return what an agent that is a service tells after such a try."""
    last = LastTry(kind, NOW, obstacle, key_usable)
    told = Told(
        2,
        Verdict.UNKNOWN,
        current=False,
        judged_at=None,
        grace_until=None,
        signals=(),
        waiting=1,
        last_try=last,
    )
    return as_status(told)


NOBODY = describe(None, None, READINGS, Platform.LINUX, running=False)
IN_TROUBLE = dataclasses.replace(
    described(waiting=3, dropped=2, set_aside=("records[0].x: wrong",)), running=False
)


@pytest.mark.parametrize("tag", [tag for tag in NAMES if tag != "en"])
@pytest.mark.parametrize(
    "status",
    [
        NOBODY,
        dataclasses.replace(NOBODY, service=Service.SILENT),
        IN_TROUBLE,
        described(answer=None, answered_at=None),
        *[
            tried(problem, delivery_words.REPORT_KEPT)
            for problem in (delivery_words.NOT_READY, delivery_words.NOT_PROVEN)
        ],
        tried(
            delivery_words.NOT_PROVEN, f"{delivery_words.TELL_IT} {delivery_words.NEW_AUTHORITY}"
        ),
        tried(delivery_words.NO_LAST_WORD, delivery_words.READ_KEPT, KEY_UNUSABLE),
        *[tried(*pair) for pair in STOPPING.values()],
        *[window(DeliveryKind.LATER, each) for each in Obstacle],
        window(DeliveryKind.STOPPED, Obstacle.SERVER),
        window(DeliveryKind.LATER, Obstacle.LAPTOP, key_usable=False),
    ],
)
def test_who_it_is_and_how_reporting_goes_is_said_in_the_language(
    status: AgentStatus, tag: str
) -> None:
    # What was found is said as it is stored, and judged below.
    alone = dataclasses.replace(status, signals=())
    english, told = (
        render(alone, colour=False, language=language_of(each)).splitlines() for each in ("en", tag)
    )
    left = english_left(english, told)
    assert [each for each in left if not each.startswith("passmuster-agent ")] == [], "no command"


def test_sources_say_how_each_answered() -> None:
    assert "/proc/test: denied (EACCES)" in render(described(), colour=False)


def test_remedies_are_numbered_steps() -> None:
    remedy = Remedy(("Open Settings.", "Switch it on."), "settings://lock")
    signals = tuple(dataclasses.replace(each, remedies=(remedy,)) for each in ANSWER.signals)
    text = render(described(answer=dataclasses.replace(ANSWER, signals=signals)), colour=False)
    for line in ("1. Open Settings.", "2. Switch it on.", "settings://lock"):
        assert line in text


def shown(name: str, facts: dict[str, object]) -> str:
    reading = Reading(name, Status.OK, "", facts, (), NOW)
    readings = tuple(reading if each.signal == name else each for each in READINGS)
    return render(describe(DEVICE, OVERVIEW, readings, Platform.LINUX, running=True), colour=False)


def test_facts_are_shown_in_the_consoles_words() -> None:
    session = {
        "desktop": "gnome\x1b[2J",
        "lock_after_s": 300,
        "grace_s": 0,
        "enforced": False,
        "locked": "unknown",
        "inhibited": True,
    }
    assert (
        "gnome·[2J: lock after 5 minutes, grace at once, enforced no, locked could not be read, "
        "inhibited yes"
    ) in shown("screen_lock", {"sessions": [session]})
    never = {**session, "lock_after_s": None}
    assert "lock after never" in shown("screen_lock", {"sessions": [never]})


def test_nothing_found_is_said_so() -> None:
    assert "Sessions: none" in shown("screen_lock", {"sessions": []})


def test_colours_are_only_for_terminals() -> None:
    assert "\x1b[31m" in render(described(), colour=True)
    assert "\x1b" not in render(described(), colour=False)


def test_what_the_organisation_allows_judges_what_the_server_has_not_judged_yet() -> None:
    lock = next(each for each in CATALOG if each.id == "screen_lock")
    session = {"desktop": "gnome", "lock_after_s": 500, "grace_s": 0, "enforced": False}
    facts = {"sessions": [{**session, "locked": False, "inhibited": False}]}
    found = Reading(lock.id, Status.OK, "", facts, (), NOW)
    readings = tuple(found if each.signal == lock.id else each for each in READINGS)
    limited = dataclasses.replace(ANSWER.signals[0], signal=lock.id, within_s=300)
    for answer, expected in (
        (ANSWER, Outcome.PASS),
        (dataclasses.replace(ANSWER, signals=(limited,)), Outcome.FAIL),
    ):
        overview = dataclasses.replace(OVERVIEW, answer=answer)
        told = describe(DEVICE, overview, readings, Platform.LINUX, running=True)
        shown = next(each for each in told.signals if each.signal == lock.id)
        assert (shown.judged_by, shown.outcome) == (JudgedBy.ADVICE, expected)
