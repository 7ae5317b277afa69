"""`leave`: tell the server that this laptop is no longer used, and forget who it was."""

import contextlib
import shutil
from collections.abc import Callable
from datetime import UTC, datetime

from passmuster_agent import keystore, rotation
from passmuster_agent.config import IDENTITY, Device, State, cannot_write
from passmuster_agent.delivery import DeliveryKind
from passmuster_agent.errors import AgentError, ExitCode
from passmuster_agent.identity import signed
from passmuster_agent.lock import LockedError
from passmuster_agent.outbox import Outbox
from passmuster_agent.reporter import Reporter
from passmuster_agent.transport import Transport
from passmuster_collectors.contract import codec
from passmuster_collectors.contract.canonical import canonical_bytes
from passmuster_collectors.contract.goodbye import GOODBYE_TYPE, VERSION, Goodbye

PATH = "goodbye"
OTHER_REPORTER_S = 60.0
FORCE = "Nothing is deleted. To forget this laptop without the server's word add --force."
UNTOLD = "IT was not told: tell them to retire this laptop, or it looks as if it had fallen silent."
KEY_UNSETTLED = "The key is being changed, and that is not finished."


def leave(state: State, say: Callable[[str], None], *, force: bool) -> None:
    """Say goodbye, then delete key, outbox and all else of this enrolment.

    Without the server's word nothing is deleted unless `force` is given. Raises `AgentError`.
    """
    with state.lock():
        device = state.device()
        try:
            lock = state.reporter_lock(device, OTHER_REPORTER_S)
        except LockedError:
            raise AgentError("An upload is under way.", "Try again in a moment.") from None
        with lock:
            try:
                _say_goodbye(state)
            except AgentError as error:
                if not force:
                    raise AgentError(error.problem, FORCE, error.exit_code) from None
                say(error.problem)
                say(UNTOLD)
        # A change of the key that was finished on the way has made it another one.
        _forget(state, state.device())


def _say_goodbye(state: State) -> None:
    device = state.device()
    with contextlib.closing(Transport(device.server_url, state.authority(device))) as transport:
        device = _with_one_key(state, device, transport)
        goodbye = Goodbye(VERSION, device.server, "POST", transport.url(PATH), datetime.now(UTC))
        keys = keystore.of_tier(device.tier, state.path)
        message = signed(
            canonical_bytes(codec.encode(goodbye)),
            kind=GOODBYE_TYPE,
            key_id=device.device,
            sign=lambda data: keys.sign(device.key_name, data),
        )
        reply = transport.post(PATH, message.encode("ascii"), "application/jose")
    if reply.status != 200:
        detail = reply.problem.detail if reply.problem else f"status {reply.status}"
        busy = reply.status in (429, 503)
        raise AgentError(
            f"The server did not take the goodbye: {detail}",
            "",
            ExitCode.NOT_DELIVERED if busy else ExitCode.REFUSED,
        )


def _with_one_key(state: State, device: Device, transport: Transport) -> Device:
    """Return the device after a change of its key that was under way: the server may have either.

    Raises `AgentError` where the server's answer to that is still not known.
    """
    if rotation.find(state, device) is None:
        return device
    with Outbox(state.outbox(device)) as outbox:
        waits = Reporter(state, device, outbox, transport).finish_rotation()
    device = state.device()
    if waits is not None and rotation.find(state, device) is not None:
        stopped = waits.kind is DeliveryKind.STOPPED
        raise AgentError(
            f"{KEY_UNSETTLED} {waits.problem}",
            waits.remedy,
            ExitCode.REFUSED if stopped else ExitCode.NOT_DELIVERED,
        )
    return device


def _forget(state: State, device: Device) -> None:
    """Delete the key first: what is left of an enrolment that is cut short here signs nothing."""
    rotation.forget(state, device)
    try:
        for path in state.path.iterdir():
            if IDENTITY.fullmatch(path.name):
                shutil.rmtree(path)
            elif path.name.startswith("noted-"):
                path.unlink()
        (state.path / "device.json").unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(state.path, error) from None
