"""`rotate-key`: give this laptop a new key, in the same place or in another one."""

import contextlib
import secrets
from collections.abc import Callable

from passmuster_agent import keystore, rotation
from passmuster_agent.config import Device, State
from passmuster_agent.delivery import Delivery, DeliveryKind
from passmuster_agent.errors import AgentError, ExitCode
from passmuster_agent.key_loss import refuse_weaker
from passmuster_agent.lock import LockedError
from passmuster_agent.outbox import Outbox
from passmuster_agent.reporter import Reporter, reporting
from passmuster_agent.transport import Transport

GOES_ON = (
    "The new key waits for the server's answer: the agent goes on by itself, and so does this "
    "command when it is run again."
)


def rotate_key(state: State, tier: str | None, say: Callable[[str], None]) -> Device:
    """Rotate the key and return who this laptop is now. `tier` None: where the key is now.

    A rotation that was cut short is finished instead. Raises `AgentError`; then the old key is
    still in use, or the message says that the new one waits for the server's answer.
    """
    try:
        held = contextlib.ExitStack()
        device, outbox, transport = held.enter_context(reporting(state))
    except LockedError:
        raise AgentError("An upload is under way.", "Try again in a moment.") from None
    with held:
        reporter = Reporter(state, device, outbox, transport)
        under_way = rotation.find(state, device)
        _require(reporter.deliver())
        if under_way is None or state.device().key_name != under_way.new:
            _begin(state, state.device(), tier, say, outbox, transport)
            _require(reporter.deliver(), waiting=rotation.find(state, state.device()) is not None)
    return state.device()


def _begin(
    state: State,
    device: Device,
    wanted: str | None,
    say: Callable[[str], None],
    outbox: Outbox,
    transport: Transport,
) -> None:
    """Make the new key and have both sign; nothing is left of it where that fails."""
    pending = rotation.begin(state, device, secrets.token_hex(8))
    try:
        made = keystore.make(wanted or device.tier.value, state.path, pending.new)
        for tier, error in made.passed_over:
            say(f"Not in tier {tier}: {error.problem}")
        refuse_weaker(wanted or "", device, made.keys.tier, "the key stays")
        rotation.sign(state, device, pending, made, outbox, transport.url(rotation.PATH))
    except BaseException:
        with contextlib.suppress(AgentError):
            rotation.drop(state, device, pending)
        raise


def _require(delivered: Delivery, *, waiting: bool = False) -> None:
    """Raise what is in the way; `waiting` says that the new key waits for the server's answer."""
    if delivered.kind is DeliveryKind.ACCEPTED:
        return
    stopped = delivered.kind is DeliveryKind.STOPPED
    raise AgentError(
        delivered.problem,
        f"{delivered.remedy} {GOES_ON}" if waiting and not stopped else delivered.remedy,
        ExitCode.REFUSED if stopped else ExitCode.NOT_DELIVERED,
    )
