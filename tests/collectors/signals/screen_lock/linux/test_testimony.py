"""What a companion in the session says fills gaps, and raises no verdict against what is read."""

from typing import Any

import pytest

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.contract.reading import Reading, SourceOutcome, Status
from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.runner import collect
from passmuster_collectors.signals.screen_lock import SIGNAL, linux
from passmuster_collectors.signals.screen_lock.facts import LockSession, ScreenLockFacts
from tests.support.people import home_of, machine, session
from tests.support.recorded_host import RecordedHost

SERVICE = 990
"""The account of the agent's daemon, which may not look into homes."""

NEVER = "[Daemon]\nAutolock=false\n"


def kde(**changes: Any) -> dict[str, Any]:
    """Return what a companion says of a KDE session as installed."""
    return {
        "session": "2",
        "desktop": "kde",
        "lock_after_s": 305,
        "grace_s": 5,
        "enforced": False,
        "on_sleep": True,
        "idle_after_s": "unknown",
        "locked": False,
        "inhibited": True,
        **changes,
    }


def laptop(said: Any, *, uid: int = SERVICE, files: Any = None, **logind: Any) -> dict[str, Any]:
    """Return a laptop with one KDE session, of whose owner's companion `said` is all there is."""
    closed = {home_of(1000): {"error": "denied"}} if uid == SERVICE else {}
    told = {} if said is None else {"1000": said}
    described = session("2", **{"desktop": "KDE", **logind})
    return machine(described, uid=uid, files=files, directories=closed, companions=told)


def sessions(*said: dict[str, Any]) -> dict[str, Any]:
    return {"screen_lock": {"sessions": list(said)}}


def read(recorded: dict[str, Any]) -> Reading:
    (reading,) = collect(RecordedHost(recorded), [SIGNAL])
    return reading


def only(reading: Reading) -> LockSession:
    (found,) = codec.decode(ScreenLockFacts, reading.facts).sessions
    return found


def outcome(reading: Reading) -> Outcome:
    return SIGNAL.judge(reading, SIGNAL.limits()).outcome


def companion(reading: Reading) -> SourceOutcome | None:
    found = {source.name: source.outcome for source in reading.sources}
    return found.get("companion")


class TestWhatIsHiddenFromTheDaemon:
    def test_is_unknown_without_a_companion_and_the_reading_says_why(self) -> None:
        reading = read(laptop(None))
        assert (reading.status, outcome(reading)) == (Status.UNAVAILABLE, Outcome.UNKNOWN)
        assert "companion does not run there" in reading.reason
        assert companion(reading) is SourceOutcome.MISSING

    def test_is_filled_by_the_companion(self) -> None:
        reading = read(laptop(sessions(kde())))
        found = only(reading)
        assert (found.lock_after_s, found.grace_s, found.inhibited) == (305, 5, True)
        assert (reading.status, outcome(reading)) == (Status.OK, Outcome.PASS)
        assert companion(reading) is SourceOutcome.READ

    def test_fails_by_the_companions_word_too(self) -> None:
        assert outcome(read(laptop(sessions(kde(lock_after_s=None))))) is Outcome.FAIL

    def test_stays_unknown_where_the_companion_does_not_know_either(self) -> None:
        reading = read(laptop(sessions(kde(lock_after_s="unknown"))))
        assert outcome(reading) is Outcome.UNKNOWN

    def test_is_not_filled_by_what_is_said_of_another_session(self) -> None:
        reading = read(laptop(sessions(kde(session="3"))))
        assert outcome(reading) is Outcome.UNKNOWN
        assert companion(reading) is SourceOutcome.MISSING

    def test_is_not_filled_by_another_users_companion(self) -> None:
        recorded = laptop(None)
        recorded["companions"] = {"1001": sessions(kde())}
        assert outcome(read(recorded)) is Outcome.UNKNOWN

    def test_is_never_locked_by_it_on_the_companions_word(self) -> None:
        assert only(read(laptop(sessions(kde(enforced=True))))).enforced == UNKNOWN
        assert only(read(laptop(sessions(kde(enforced=False))))).enforced is False

    def test_may_be_a_desktop_that_only_the_session_itself_names(self) -> None:
        found = only(read(laptop(sessions(kde()), desktop="")))
        assert (found.desktop, found.lock_after_s) == ("kde", 305)

    def test_is_not_filled_for_a_desktop_that_nobody_can_read(self) -> None:
        reading = read(laptop(sessions(kde(desktop="kde")), desktop="budgie"))
        assert outcome(reading) is Outcome.UNKNOWN


class TestWhatTheDaemonReadItself:
    def test_agrees_with_the_companion(self) -> None:
        reading = read(laptop(sessions(kde()), uid=0))
        assert (reading.status, outcome(reading)) == (Status.OK, Outcome.PASS)
        assert only(reading).inhibited is True, "which only the session itself can tell"

    @pytest.mark.parametrize("claim", [{"lock_after_s": 1}, {"desktop": "gnome"}, {"grace_s": 0}])
    def test_is_unknown_where_the_companion_claims_otherwise(self, claim: dict[str, Any]) -> None:
        reading = read(laptop(sessions(kde(**claim)), uid=0))
        assert only(reading).lock_after_s == UNKNOWN
        assert outcome(reading) is Outcome.UNKNOWN
        assert companion(reading) is not None
        assert SourceOutcome.CONFLICT in {source.outcome for source in reading.sources}
        assert "says something else" in reading.reason

    def test_does_not_pass_because_a_companion_claims_a_lock(self) -> None:
        files = {f"{home_of(1000)}/.config/kscreenlockerrc": NEVER}
        assert outcome(read(laptop(None, uid=0, files=files))) is Outcome.FAIL
        assert outcome(read(laptop(sessions(kde()), uid=0, files=files))) is Outcome.UNKNOWN

    def test_counts_without_a_companion(self) -> None:
        reading = read(laptop(None, uid=0))
        assert outcome(reading) is Outcome.PASS
        assert companion(reading) is None, "nobody misses it"

    def test_counts_where_the_companion_is_silent_which_is_told(self) -> None:
        reading = read(laptop({"error": "timeout"}, uid=0))
        assert outcome(reading) is Outcome.PASS
        assert companion(reading) is SourceOutcome.TIMEOUT

    def test_is_not_settled_by_a_companion_where_it_contradicts_itself(self) -> None:
        files = {f"{home_of(1000)}/.config/kscreenlockerrc": "[Daemon]\nTimeout=soon\n"}
        assert outcome(read(laptop(sessions(kde()), uid=0, files=files))) is Outcome.UNKNOWN

    def test_that_changed_between_the_two_answers_is_asked_once_more(self) -> None:
        class Late(RecordedHost):
            """Its companion's first answer is older than the settings."""

            answers = [sessions(kde(lock_after_s=605)), sessions(kde())]  # noqa: RUF012 - one test's

            def testimony(self, uid: int, signal: str) -> Any:
                assert uid == 1000
                return self.answers.pop(0)[signal]

        (reading,) = collect(Late(laptop(None, uid=0)), [SIGNAL])
        assert outcome(reading) is Outcome.PASS
        assert SourceOutcome.CONFLICT not in {source.outcome for source in reading.sources}


@pytest.mark.parametrize(
    "garbage",
    [
        None,
        "kde",
        [],
        {"sessions": "all"},
        {"sessions": [{}]},
        {"sessions": [kde(lock_after_s=-1)]},
        {"sessions": [kde(lock_after_s=True)]},
        {"sessions": [kde(lock_after_s=1.5)]},
        {"sessions": [kde(more="words")]},
        {"sessions": [kde(desktop="x" * 65)]},
        {"sessions": [kde()] * 33},
    ],
)
def test_garbage_is_a_conflict_and_fills_nothing(garbage: Any) -> None:
    reading = read(laptop({"screen_lock": garbage}))
    assert outcome(reading) is Outcome.UNKNOWN
    assert companion(reading) is SourceOutcome.CONFLICT


def test_who_runs_as_the_worker_asks_no_companion() -> None:
    recorded = laptop({"error": "conflict"}, uid=1000)
    assert companion(read(recorded)) is None


def test_a_companion_speaks_of_its_own_users_sessions_alone() -> None:
    recorded = machine(session("2", desktop="KDE"), session("5", 1001, desktop="KDE"), uid=1000)
    said = linux.testify(RecordedHost(recorded))
    assert said == {"sessions": [kde(inhibited="unknown")]}


def test_what_a_companion_says_is_what_is_read_where_nothing_is_hidden() -> None:
    said = linux.testify(RecordedHost(laptop(None, uid=1000)))
    hidden = read(laptop({"screen_lock": said}))
    assert hidden.facts == read(laptop(None, uid=1000)).facts
