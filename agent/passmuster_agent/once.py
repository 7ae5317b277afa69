"""`once`: read, report, and tell the server's verdict."""

from dataclasses import dataclass

from passmuster_agent import reporter
from passmuster_agent.collection import Collection
from passmuster_agent.config import State
from passmuster_agent.delivery import Delivery, DeliveryKind
from passmuster_agent.errors import AgentError, ExitCode
from passmuster_agent.notebook import StateNotebook
from passmuster_agent.outbox import Outbox
from passmuster_agent.status import AgentStatus, describe
from passmuster_collectors.contract.verdict import Verdict
from passmuster_collectors.host import this_host
from passmuster_collectors.signals import CATALOG

VERDICT_CODES = {
    Verdict.COMPLIANT: ExitCode.DONE,
    Verdict.GRACE: ExitCode.DONE,
    Verdict.NON_COMPLIANT: ExitCode.NON_COMPLIANT,
    Verdict.UNKNOWN: ExitCode.VERDICT_UNKNOWN,
}


@dataclass(frozen=True)
class Outcome:
    """What `once` tells: the state of this laptop, and how the upload ended."""

    status: AgentStatus
    delivery: Delivery
    exit_code: ExitCode


def once(state: State) -> Outcome:
    """Read every signal, report, and return the verdict. Raises `AgentError`.

    What can't be delivered now is kept and goes with the next report.
    """
    with state.lock():
        device = state.device()
        with Outbox(state.outbox(device)) as outbox:
            host = this_host(device.hash_key_bytes(), notebook=StateNotebook(state.path))
            collection = Collection(device, outbox, host, CATALOG)
            collection.read_all()
            delivered = reporter.deliver(state)
            overview = outbox.overview()
        readings = collection.newest()
    status = describe(device, overview, readings, host.platform, running=True)
    return Outcome(status, delivered, _exit_code(delivered, status))


def _exit_code(delivered: Delivery, status: AgentStatus) -> ExitCode:
    if delivered.kind is DeliveryKind.STOPPED:
        return ExitCode.REFUSED
    if delivered.kind is DeliveryKind.LATER:
        return ExitCode.NOT_DELIVERED
    if status.verdict is None or not status.current:
        return ExitCode.VERDICT_UNKNOWN
    return VERDICT_CODES[status.verdict]


def explain(outcome: Outcome) -> AgentError | None:
    """Return what a person has to know beside the verdict, or None."""
    if outcome.delivery.kind is DeliveryKind.ACCEPTED:
        return None
    return AgentError(outcome.delivery.problem, outcome.delivery.remedy, outcome.exit_code)
