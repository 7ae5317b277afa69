"""Asks the decision function from memory and puts each answer on record."""

import os
from base64 import urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from passmuster_server.clock import Clock
from passmuster_server.database import StoreUnavailableError
from passmuster_server.gate.callers import GateClient
from passmuster_server.gate.decision import Decision, Question, decide
from passmuster_server.gate.recorder import DecisionRecorder, Record
from passmuster_server.policy.document import Policy
from passmuster_server.policy.standings import Standings
from passmuster_server.spans import Attributes, NoSpans, Spans
from passmuster_server.web.problems import RefusalError

MAX_GIVEN = 50_000
RECORD_AGAIN = timedelta(minutes=30)
"""Less than a blocked page can be opened for."""

RANDOM_BYTES = 12
"""Of each decision's id: 96 bits that nobody guesses."""


class Answer(msgspec.Struct, frozen=True, gc=False):
    """A decision under the id by which the record and the blocked page know it."""

    decision_id: str
    decision: Decision


class _Given(msgspec.Struct, frozen=True):
    """What was answered last, and on which findings."""

    decision_id: str
    at: datetime
    found: tuple[Any, ...]


class GateService:
    """Answers questions. `policy_of` returns what is in force for an organisation, from memory.

    `in_touch` says whether what is in memory is kept up to date.
    """

    def __init__(
        self,
        standings: Standings,
        recorder: DecisionRecorder,
        policy_of: Callable[[str], Policy],
        clock: Clock,
        in_touch: Callable[[], bool] = lambda: True,
        spans: Spans | None = None,
    ) -> None:
        self._standings = standings
        self._recorder = recorder
        self._policy_of = policy_of
        self._clock = clock
        self._in_touch = in_touch
        self._decide = (spans or NoSpans()).around("gate decide", decide, _told)
        self._ids = _Ids()
        self._given: OrderedDict[tuple[str, Question], _Given] = OrderedDict()

    def ask(self, client: GateClient, question: Question) -> Answer:
        """Return the answer to a caller.

        Raises as `answer` does, and `RefusalError` 403 for a person or an application that the
        client may not ask about.
        """
        self._check(client, question)
        return self.answer(client.client, question)

    def may_ask(self, client: GateClient, question: Question) -> bool:
        """Return whether `ask` would answer the client."""
        try:
            self._check(client, question)
        except RefusalError:
            return False
        return True

    def _check(self, client: GateClient, question: Question) -> None:
        forbidden = client.may_ask(question.person, question.application)
        if not forbidden and client.groups is not None:
            forbidden = "" if self._is_of(client.groups, question) else "subject.id"
        if forbidden:
            raise RefusalError(
                403, "not_yours", "The caller may not ask about this.", field=forbidden
            )

    def _is_of(self, groups: frozenset[str], question: Question) -> bool:
        """Return whether the answer would speak of laptops in these groups, and of no other."""
        organisation = question.organisation
        if question.device is not None:
            named = self._standings.of_device(organisation, question.device)
            return named is not None and named.group in groups
        owned = self._standings.of_owner(organisation, question.person)
        return bool(owned) and all(standing.group in groups for standing in owned)

    def answer(self, asker: str, question: Question) -> Answer:
        """Return the answer, which is on its way to the record under who asked. Never waits.

        Raises `StoreUnavailableError` for an allow that can't be recorded, and for every question
        while nobody can tell what other servers have changed.
        """
        if not self._in_touch():
            raise StoreUnavailableError("changes are not heard")
        now = self._clock()
        policy = self._policy_of(question.organisation)
        decision = self._decide(question, self._standings, now, policy.devices)
        decision_id = self._ids.next(now)
        self._recorder.put(
            Record(
                decision_id,
                now,
                asker,
                question,
                policy.version,
                decision,
            )
        )
        return Answer(decision_id, decision)

    def ask_once(self, client: GateClient, question: Question) -> Answer:
        """Return the answer; on record is the first one, each that differs, and one each half hour.

        For a proxy, which asks for every picture of a page. Raises as `ask` does.
        """
        self._check(client, question)
        now = self._clock()
        decision = self.look_again(question)
        key = (client.client, question)
        known = self._given.get(key)
        if (
            known is not None
            and self._in_touch()
            and known.found == _found_in(decision)
            and timedelta(0) <= now - known.at < RECORD_AGAIN
        ):
            return Answer(known.decision_id, decision)
        answer = self.answer(client.client, question)
        self._given[key] = _Given(answer.decision_id, now, _found_in(answer.decision))
        self._given.move_to_end(key)
        if len(self._given) > MAX_GIVEN:
            self._given.popitem(last=False)
        return answer

    def still_allows(self, asker: str, question: Question) -> bool:
        """Return whether the question, answered by an allow a moment ago, would be so again.

        A deny is put on record, as `answer` does it, which tells what is raised; the allow is there
        already.
        """
        if self._in_touch() and self.look_again(question).allowed:
            return True
        return self.answer(asker, question).decision.allowed

    def look_again(self, question: Question) -> Decision:
        """Return how the question would be answered now. Lets nobody in, so it isn't recorded."""
        policy = self._policy_of(question.organisation)
        return self._decide(question, self._standings, self._clock(), policy.devices)


def _told(decision: Decision) -> Attributes:
    return {"passmuster.allowed": decision.allowed}


def _found_in(decision: Decision) -> tuple[Any, ...]:
    """Return what makes one decision differ from another in the record."""
    found = tuple((item.device, item.cause) for item in decision.findings)
    return decision.allowed, decision.cause, found


class _Ids:
    """Unguessable ids; the system is asked for random bits a few hundred ids at a time.

    Time and random bits are both whole triples of bytes, so each is base64url of its own.
    """

    def __init__(self) -> None:
        self._random = ""
        self._used = 0
        self._millisecond = -1
        self._time = ""

    def next(self, now: datetime) -> str:
        """Return an id that sorts by its time, which keeps the table's index growing at its end."""
        begin = self._used
        if begin >= len(self._random):
            self._random, begin = _base64url(os.urandom(RANDOM_BYTES * 256)), 0
        end = self._used = begin + RANDOM_BYTES * 4 // 3
        millisecond = int(now.timestamp() * 1000)
        if millisecond != self._millisecond:
            self._millisecond, self._time = millisecond, _base64url(millisecond.to_bytes(6, "big"))
        return self._time + self._random[begin:end]


def _base64url(whole_triples: bytes) -> str:
    return urlsafe_b64encode(whole_triples).decode("ascii")
