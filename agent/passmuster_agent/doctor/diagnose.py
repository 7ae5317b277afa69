"""Reads this laptop, asks the agent how it is, and puts the causes beside what refused."""

import secrets
from collections.abc import Sequence

from passmuster_agent.collection import DEADLINE_S, AnySignal
from passmuster_agent.config import State
from passmuster_agent.doctor import health
from passmuster_agent.doctor.causes import Advice, explain
from passmuster_agent.doctor.findings import Diagnosis, SignalFinding, SourceFinding, diagnosis
from passmuster_agent.doctor.surroundings import Surroundings, look_around
from passmuster_agent.errors import AgentError, ExitCode
from passmuster_collectors.contract.reading import Reading, Source, SourceOutcome, Status
from passmuster_collectors.host import this_host
from passmuster_collectors.host.base import Host
from passmuster_collectors.runner import collect
from passmuster_collectors.signals import CATALOG, signal_by_id

HASH_KEY_BYTES = 32


def chosen(name: str | None) -> tuple[AnySignal, ...]:
    """Return the signal of that id, or all of them. Raises `AgentError` for any other name."""
    if name is None:
        return CATALOG
    try:
        return (signal_by_id(name),)
    except KeyError:
        known = ", ".join(signal.id for signal in CATALOG)
        raise AgentError(
            f"There is no signal {name!r}.", f"These there are: {known}", ExitCode.USAGE
        ) from None


def own_host() -> Host:
    """Return this machine; nothing that is hashed leaves it, so any key will do."""
    return this_host(secrets.token_bytes(HASH_KEY_BYTES))


def diagnose(state: State, host: Host, signals: Sequence[AnySignal]) -> Diagnosis:
    """Return what is wrong and how to mend it. Nothing is sent and nothing is changed."""
    around = look_around(host)
    readings = collect(host, signals, deadline_s=DEADLINE_S)
    found = tuple(
        _signal(signal, reading, around) for signal, reading in zip(signals, readings, strict=True)
    )
    return diagnosis(tuple(health.checks(state, host, around)), found)


def _signal(signal: AnySignal, reading: Reading, around: Surroundings) -> SignalFinding:
    complete = reading.status is not Status.UNAVAILABLE
    return SignalFinding(
        signal.id,
        signal.title,
        reading.status,
        reading.reason,
        tuple(_source(source, around, complete=complete) for source in reading.sources),
    )


def _source(source: Source, around: Surroundings, *, complete: bool) -> SourceFinding:
    advice = Advice("")
    if source.outcome is not SourceOutcome.READ:
        advice = explain(source, around)
    if complete:
        # The signal was read without it: nothing has to be done.
        advice = Advice(advice.why)
    return SourceFinding(source.name, source.outcome, source.detail, advice.why, advice.step)
