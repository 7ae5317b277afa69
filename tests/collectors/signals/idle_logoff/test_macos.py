"""What ends a session on a Mac: recorded preferences, written processes."""

import pytest

from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.host.answers import Completed, Process
from passmuster_collectors.signals.idle_logoff.covering import worst
from passmuster_collectors.signals.idle_logoff.facts import (
    Coverage,
    IdleLogoffFacts,
    Kind,
    Mechanism,
)
from passmuster_collectors.signals.idle_logoff.macos.automatic_logout import parse_delay
from passmuster_collectors.signals.idle_logoff.macos.remote_shells import (
    login_shells,
    remote_people,
)
from passmuster_collectors.signals.idle_logoff.rule import IdleLogoffLimits, judge
from passmuster_collectors.signals.screen_lock.macos.settings import parse_number
from tests.support.recordings import recorded_case

ALEX, KIM = 501, 502


def process(name: str, uid: int = ALEX, *arguments: str) -> Process:
    return Process(1000, uid, name, arguments)


class TestRecordings:
    """The reader takes the preference from its file; the program's answer means the same."""

    def test_a_delay_of_zero_is_never(self) -> None:
        case = recorded_case("macos/idle_logoff/autologout_0")
        seconds = parse_number(Completed(0, case.content, b""))
        assert seconds == case.facts["logout_seconds"]
        assert judged(parse_delay(seconds)) == case.outcome

    def test_an_absent_delay_is_never(self) -> None:
        case = recorded_case("macos/idle_logoff/autologout_absent")
        assert parse_number(Completed(1, b"", case.content)) is case.facts["logout_seconds"]
        assert judged(None) == case.outcome


def judged(after_s: int | str | None) -> Outcome:
    logout = Mechanism(Kind.LOGOUT, after_s, Coverage.GRAPHICAL, False)  # type: ignore[arg-type]
    (found,) = judge(IdleLogoffFacts((logout,)), IdleLogoffLimits())
    return found.outcome


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, None), (0.0, None), (900, 900), (900.5, 900)],
)
def test_a_delay_is_in_seconds_and_zero_is_never(value: object, expected: int | None) -> None:
    assert parse_delay(value) == expected


@pytest.mark.parametrize("value", ["900", True, None, -1, [], float("nan"), 1e30, b"900"])
def test_a_delay_of_another_kind_is_unknown(value: object) -> None:
    assert parse_delay(value) == UNKNOWN


class TestRemotePeople:
    def test_a_login_is_a_process_of_sshd_that_runs_as_the_person(self) -> None:
        processes = [
            process("sshd", 0, "sshd: /usr/sbin/sshd -D"),
            process("sshd", 0, "sshd: alex [priv]"),
            process("sshd", ALEX, "sshd: alex@ttys004"),
            process("sshd-session", KIM, "sshd-session: kim@ttys005"),
        ]
        assert remote_people(processes) == {ALEX, KIM}

    def test_a_copied_file_is_no_shell(self) -> None:
        assert remote_people([process("sshd", ALEX, "sshd: alex@notty")]) == frozenset()

    def test_arguments_that_are_hidden_count_as_a_shell(self) -> None:
        assert remote_people([process("sshd", ALEX)]) == {ALEX}

    def test_accounts_of_the_system_are_no_people(self) -> None:
        assert remote_people([process("sshd", 75), process("sshd", 0xFFFFFFFE)]) == frozenset()

    def test_only_their_own_shells_count(self) -> None:
        processes = [
            process("zsh", ALEX, "-zsh"),
            process("-bash", KIM),
            process("zsh", 503),
            process("fish", ALEX),
        ]
        assert login_shells(processes, frozenset({ALEX})) == {"zsh"}
        assert login_shells(processes, frozenset({ALEX, KIM})) == {"bash", "zsh"}


@pytest.mark.parametrize(
    ("times", "expected"),
    [([60, 90], 90), ([60, None], None), ([60, UNKNOWN], UNKNOWN), ([UNKNOWN, None], None)],
)
def test_what_comes_last_counts(times: list[int | None], expected: int | None) -> None:
    assert worst(times) == expected
