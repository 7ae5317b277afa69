"""What `confirm` says of a browser whose number was typed, however the agent answers."""

import socket
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from passmuster_agent import confirm as confirming
from passmuster_agent import delivery_words as words
from passmuster_agent.companion.messages import (
    Browser,
    Changed,
    Goodbye,
    LetIn,
    Refused,
    to_bytes,
)
from passmuster_agent.confirm import NOT_KNOWN, confirm
from passmuster_agent.errors import AgentError, ExitCode
from passmuster_collectors.languages import NAMES, Language, language_of
from tests.support.worker_texts import english_left

if sys.platform != "linux":
    pytest.skip("the socket of these tests is Linux'", allow_module_level=True)

from passmuster_agent.companion.packets import PacketChannel

BROWSER = Browser("helpdesk", "ana@example.com", "192.0.2.7", same_address=True, age_s=12)
SLOW = Goodbye("That took too long.", for_good=False)
STRANGE = Browser("helpdesk", "", "192.0.2.7", same_address=None, age_s=90)
AWAY = Goodbye(
    "https://it.example cannot be reached. Check the network connection.", for_good=False
)
NO_BROWSER = "No browser of this laptop's owner shows this number, or not any more."


def unanswered(template: str, remedy: str = "", **details: object) -> Goodbye:
    """Return what the agent says where no answer of the server's came."""
    problem = template.format(server="https://it.example", **details)
    return Goodbye(f"{problem} {remedy}".rstrip(), for_good=False)


ENDED = unanswered(words.NO_LAST_WORD, status=-9)
UNPROVEN = unanswered(
    words.NOT_PROVEN,
    f"{words.TELL_IT} {words.NEW_AUTHORITY}",
    reason="unable to get local issuer certificate",
)


class Laptop:
    """An agent that has said what it will say, and a person who answers as they are asked."""

    def __init__(self) -> None:
        near, self.far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.channel = PacketChannel(near)
        self.asked: list[str] = []
        self.said: list[str] = []

    def confirm(
        self,
        *answers: object,
        typed: Sequence[str] = ("4718 2936", "yes"),
        language: Language | None = None,
    ) -> ExitCode:
        """Return how it ended; None hangs up while the person is about to agree."""
        told = iter(typed)

        def ask(question: str) -> str:
            if None in answers and "Are you" in question:
                self.far.close()
            self.asked.append(question)
            return next(told)

        for answer in answers:
            if answer is not None:
                self.far.send(to_bytes(answer))
        return confirm([lambda: self.channel], ask, self.said.append, language)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confirming, "ANSWER_WITHIN_S", 0.2)


@pytest.fixture
def laptop() -> Iterator[Laptop]:
    made = Laptop()
    yield made
    made.far.close()


def test_what_the_server_took_is_confirmed(laptop: Laptop) -> None:
    assert laptop.confirm(BROWSER, LetIn()) is ExitCode.DONE
    assert laptop.said[-1] == "Confirmed. The browser goes on by itself."


@pytest.mark.parametrize(
    "answers",
    [(), (SLOW,), (ENDED,), (None,), (Changed(),)],
    ids=["no answer", "too slow", "the reporter was killed", "it hung up", "another version"],
)
def test_who_agreed_is_not_told_that_nothing_was_confirmed_unless_the_server_says_so(
    laptop: Laptop, answers: tuple[Any, ...]
) -> None:
    with pytest.raises(AgentError) as caught:
        laptop.confirm(BROWSER, *answers)
    assert caught.value.remedy == NOT_KNOWN
    assert "Nothing was confirmed" not in str(caught.value)
    assert caught.value.exit_code is ExitCode.FAILED


def test_the_servers_own_refusal_is_certain(laptop: Laptop) -> None:
    with pytest.raises(AgentError, match=r"^It is too old\. Nothing was confirmed\.$") as caught:
        laptop.confirm(BROWSER, Refused("It is too old."))
    assert caught.value.exit_code is ExitCode.REFUSED


@pytest.mark.parametrize("answers", [(), (SLOW,), (Refused("No browser shows it."),)])
def test_before_anybody_agreed_nothing_can_have_been_confirmed(
    laptop: Laptop, answers: tuple[Any, ...]
) -> None:
    with pytest.raises(AgentError, match="Nothing was confirmed"):
        laptop.confirm(*answers)


def test_who_does_not_agree_confirms_nothing(laptop: Laptop) -> None:
    assert laptop.confirm(BROWSER, typed=("47182936", "no")) is ExitCode.FAILED
    assert laptop.said[-1] == "Nothing was confirmed."


def spoken(tag: str, *answers: object, typed: Sequence[str] = ("47182936", "yes")) -> list[str]:
    """Return all that a person reads, in the order of its kinds."""
    laptop = Laptop()
    try:
        laptop.confirm(*answers, typed=typed, language=language_of(tag))
    except AgentError as error:
        return [*laptop.asked, *laptop.said, error.problem, error.remedy]
    finally:
        laptop.far.close()
    return [*laptop.asked, *laptop.said]


@pytest.mark.parametrize("tag", [tag for tag in NAMES if tag != "en"])
@pytest.mark.parametrize(
    ("answers", "typed"),
    [
        ((BROWSER, LetIn()), ("47182936", "yes")),
        ((STRANGE, LetIn()), ("47182936", "yes")),
        ((BROWSER,), ("47182936", "no")),
        ((BROWSER,), ("47182936", "yes")),
        ((), ("4711",)),
        ((), ("47182936",)),
        ((Changed(),), ("47182936",)),
        ((SLOW,), ("47182936",)),
        ((Refused(NO_BROWSER),), ("47182936",)),
        ((AWAY,), ("47182936",)),
        ((ENDED,), ("47182936",)),
        ((BROWSER, ENDED), ("47182936", "yes")),
        ((UNPROVEN,), ("47182936",)),
        ((unanswered(words.NOT_AS_A_SERVER, status=502),), ("47182936",)),
        ((unanswered(words.NOT_READY, status=502),), ("47182936",)),
        ((unanswered(words.ELSEWHERE, status=302),), ("47182936",)),
        ((unanswered(words.NOT_PASSMUSTER, status=404),), ("47182936",)),
        ((unanswered(words.TOO_MUCH, words.TELL_IT, count=262_144),), ("47182936",)),
        ((unanswered(words.TOO_SLOW, words.TELL_IT, count=30),), ("47182936",)),
        ((unanswered(words.NO_AUTHORITY, words.PIN_AGAIN, reason="denied"),), ("47182936",)),
        ((unanswered(words.NOT_STARTED),), ("47182936",)),
        ((unanswered(words.UNDER_WAY),), ("47182936",)),
    ],
)
def test_all_that_a_person_reads_is_in_their_language(
    tag: str, answers: tuple[Any, ...], typed: Sequence[str]
) -> None:
    english, told = (spoken(each, *answers, typed=typed) for each in ("en", tag))
    assert english_left(english, told) == []


def test_where_no_agent_runs_is_said_in_the_language_too() -> None:
    with pytest.raises(AgentError, match="Auf diesem Laptop läuft kein Agent"):
        confirm([], lambda _: "", print, language_of("de"))
