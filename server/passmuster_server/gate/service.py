"""Asks the decision function from memory and puts each answer on record."""

import os
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import datetime

import msgspec

from passmuster_server.clock import Clock
from passmuster_server.gate import words
from passmuster_server.gate.clients import GateClient
from passmuster_server.gate.decision import (
    Cause,
    Decision,
    DeviceFinding,
    Question,
    decide,
)
from passmuster_server.gate.recorder import DecisionRecorder, Record
from passmuster_server.policy.document import Policy
from passmuster_server.policy.standings import Standings


class Answer(msgspec.Struct, frozen=True):
    """A decision under the id by which the record and the blocked page know it."""

    decision_id: str
    decision: Decision


class GateService:
    """Answers questions. `policy_of` returns what is in force for an organisation, from memory."""

    def __init__(
        self,
        standings: Standings,
        recorder: DecisionRecorder,
        policy_of: Callable[[str], Policy],
        clock: Clock,
    ) -> None:
        self._standings = standings
        self._recorder = recorder
        self._policy_of = policy_of
        self._clock = clock

    def ask(self, client: GateClient, question: Question) -> Answer:
        """Return the answer, which is on its way to the record. Never waits.

        Raises `StoreUnavailableError` for an allow that can't be recorded.
        """
        now = self._clock()
        policy = self._policy_of(question.organisation)
        decision = decide(question, self._standings, now, policy.devices)
        decision_id = _new_id(now)
        self._recorder.put(
            Record(
                decision_id,
                now,
                client.client,
                question,
                decision.allowed,
                policy.version,
                _basis(decision),
            )
        )
        return Answer(decision_id, decision)

    def look_again(self, question: Question) -> Decision:
        """Return how the question would be answered now. Lets nobody in, so it isn't recorded."""
        policy = self._policy_of(question.organisation)
        return decide(question, self._standings, self._clock(), policy.devices)


def _new_id(now: datetime) -> str:
    # Milliseconds first keep the table's index growing at its end; 96 random bits can't be guessed.
    milliseconds = int(now.timestamp() * 1000)
    raw = milliseconds.to_bytes(6, "big") + os.urandom(12)
    return urlsafe_b64encode(raw).decode("ascii")


def _basis(decision: Decision) -> bytes:
    if decision.cause is not None:
        return msgspec.json.encode({"cause": decision.cause, "devices": ()})
    return msgspec.json.encode({"devices": [_device_basis(item) for item in decision.findings]})


def _device_basis(finding: DeviceFinding) -> dict[str, object]:
    basis: dict[str, object] = {"device": finding.device, "cause": finding.cause}
    standing = finding.standing
    if standing is not None:
        basis["verdict"] = standing.verdict
        basis["policy_version"] = standing.policy_version
        basis["report_sequence"] = standing.report_sequence
        if finding.cause is not Cause.COMPLIANT:
            basis["reasons"] = [
                {"signal": reason.signal, "outcome": reason.outcome, "text": reason.admin}
                for reason in words.reasons_of(finding)
            ]
    return basis
