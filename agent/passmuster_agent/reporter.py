"""Signs what waits in the outbox, sends it, takes the answers, and ends.

It runs as a child of the resident daemon (`passmuster-agent reporter`), so that the libraries for
signing and for HTTPS are in memory for a fraction of a second only. Its last word is one line of
JSON on standard output, a `Delivery`.
"""

import contextlib
import dataclasses
import re
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from passmuster_agent import delivery_words as words
from passmuster_agent import errands, keystore, rotation
from passmuster_agent.answering import Answering
from passmuster_agent.config import Device, State
from passmuster_agent.delivery import KEY_UNUSABLE, Delivery, DeliveryKind, Obstacle
from passmuster_agent.errands import Errand
from passmuster_agent.errors import AgentError, ExitCode
from passmuster_agent.identity import CONTENT_TYPE, signed
from passmuster_agent.keystore.interface import KeyStoreError
from passmuster_agent.lock import LockedError
from passmuster_agent.outbox import Draft, Outbox, Pending
from passmuster_agent.refusals import AGENT_TOO_OLD, STOPPING
from passmuster_agent.transport import Reply, Transport, UnreachableError
from passmuster_collectors.contract import codec, strict_json
from passmuster_collectors.contract.canonical import canonical_bytes
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.report import REPORT_TYPE, VERSION
from passmuster_collectors.contract.verdict import Answer

OTHER_REPORTER_S = 60.0
"""How long to wait for a reporter that a killed daemon has left behind."""

RECORD_FIELD = re.compile(r"records\[(\d{1,3})\]")


class Reporter:
    """Delivers what is in the outbox of one device. Each step leaves a state to go on from."""

    def __init__(self, state: State, device: Device, outbox: Outbox, transport: Transport) -> None:
        self._state = state
        self._device = device
        self._outbox = outbox
        self._transport = transport

    def deliver(self) -> Delivery:
        """Send until nothing waits or something is in the way; remember how it ended."""
        try:
            delivered = self._deliver_all()
        except UnreachableError as error:
            delivered = _later(Obstacle.NETWORK, error)
        except KeyStoreError as error:
            delivered = dataclasses.replace(_later(Obstacle.LAPTOP, error), code=KEY_UNUSABLE)
        except AgentError as error:
            delivered = _later(Obstacle.LAPTOP, error)
        with contextlib.suppress(AgentError):
            # On a full disk it can't be remembered; what it says still counts.
            self._outbox.note(delivered)
        return delivered

    def finish_rotation(self) -> Delivery | None:
        """Finish a change of the key that is under way; return what is in the way, or None.

        Nothing else may be sent before: the server may have either key for this laptop's.
        """
        pending = rotation.find(self._state, self._device)
        if pending is None:
            return None
        if not pending.message:
            rotation.drop(self._state, self._device, pending)
            return None
        body = pending.message.encode("ascii")
        reply = self._transport.post(rotation.PATH, body, CONTENT_TYPE)
        if reply.status == 200:
            try:
                answer = rotation.read_answer(reply.body, self._device, pending)
            except ContractError:
                return self._not_ours(reply)
            self._device = rotation.complete(
                self._state, self._device, self._outbox, pending, answer
            )
            return None
        stopped = self._stopped(reply)
        if stopped is not None:
            return stopped
        if reply.problem is None or reply.status >= 500:
            return self._not_ours(reply)
        rotation.drop(self._state, self._device, pending)
        field = f" (field {reply.problem.field})" if reply.problem.field else ""
        problem = words.KEY_REFUSED.format(reason=f"{reply.problem.detail}{field}")
        return _later(Obstacle.SERVER, AgentError(problem, words.OLD_KEY), reply)

    def _deliver_all(self) -> Delivery:
        uploads = 0
        waits = self.finish_rotation()
        if waits is not None:
            return waits
        while (upload := self._next()) is not None:
            refused = self._send(upload)
            if refused is not None:
                return refused
            uploads += 1
        return Delivery(DeliveryKind.ACCEPTED, datetime.now(UTC), uploads)

    def _next(self) -> Pending | None:
        """Return the upload to send: the one that was signed already, or a new one."""
        pending = self._outbox.pending()
        if pending is not None:
            return pending
        draft = self._outbox.draft()
        if draft is None:
            return None
        return self._outbox.keep_upload(draft, self._signed(draft).encode("ascii"))

    def _signed(self, draft: Draft) -> str:
        upload = {
            "version": VERSION,
            "audience": self._device.server,
            "method": "POST",
            "url": self._transport.url("reports"),
            "sequence": draft.sequence,
            "nonce": draft.nonce,
            "sent_at": codec.format_time(datetime.now(UTC)),
            "records": [strict_json.parse(body) for _, body in draft.records],
        }
        keys = keystore.of_tier(self._device.tier, self._state.path)
        return signed(
            canonical_bytes(upload),
            kind=REPORT_TYPE,
            key_id=self._device.device,
            sign=lambda message: keys.sign(self._device.key_name, message),
        )

    def _send(self, upload: Pending) -> Delivery | None:
        """Send one upload and take the answer; return what is in the way, or None."""
        reply = self._transport.post("reports", upload.body, CONTENT_TYPE)
        if reply.status == 200:
            try:
                answer = codec.decode(Answer, strict_json.parse(reply.body))
            except ContractError:
                return self._not_ours(reply)
            self._outbox.acknowledge(upload, answer)
            return None
        return self._refused(upload, reply)

    def _refused(self, upload: Pending, reply: Reply) -> Delivery | None:
        stopped = self._stopped(reply)
        if stopped is not None:
            return stopped
        code = reply.problem.code if reply.problem else ""
        if reply.problem and code == AGENT_TOO_OLD:
            problem = AgentError(reply.problem.detail, words.READ_KEPT_MEANWHILE)
            return _later(Obstacle.SERVER, problem, reply)
        if reply.status == 413 or (reply.problem and code == "too_large"):
            self._outbox.set_aside(upload, None, "The server refused it as too large.")
            return None
        if reply.problem and reply.status < 500 and code == "malformed":
            field = reply.problem.field
            found = RECORD_FIELD.match(field)
            if found or not field:
                sentence = f"{field}: {reply.problem.detail}" if field else reply.problem.detail
                self._outbox.set_aside(upload, int(found[1]) if found else None, sentence)
                return None
        return self._not_ours(reply)

    def _stopped(self, reply: Reply) -> Delivery | None:
        """Return the end of all reports, where the server wants no more of them."""
        code = reply.problem.code if reply.problem else ""
        if reply.status not in (401, 403, 409) or code not in STOPPING:
            return None
        problem, remedy = STOPPING[code]
        return Delivery(
            DeliveryKind.STOPPED, datetime.now(UTC), 0, Obstacle.SERVER, code, problem, remedy
        )

    def _not_ours(self, reply: Reply) -> Delivery:
        """Return the pause after an answer that says nothing about the upload itself."""
        reason = ""
        if reply.problem is not None:
            field = f" (field {reply.problem.field})" if reply.problem.field else ""
            reason = f"{reply.problem.detail}{field}"
            template, remedy = words.NOT_TAKEN, words.REPORT_KEPT
        elif reply.status >= 500 or reply.status == 429:
            template, remedy = words.NOT_READY, words.REPORT_KEPT
        elif 300 <= reply.status < 400:
            template, remedy = words.ELSEWHERE, words.CAPTIVE
        else:
            template, remedy = words.NOT_PASSMUSTER, words.CAPTIVE
        server = self._transport.server_url
        problem = template.format(server=server, status=reply.status, reason=reason)
        return _later(Obstacle.SERVER, AgentError(problem, remedy), reply)


@contextlib.contextmanager
def reporting(state: State) -> Iterator[tuple[Device, Outbox, Transport]]:
    """Give what it takes to report, to one process at a time.

    Raises `LockedError` where another one does not end, and `AgentError`.
    """
    waited_for = state.device()
    with state.reporter_lock(waited_for, OTHER_REPORTER_S):
        device = state.device()
        if device.identity != waited_for.identity:
            # It was enrolled anew meanwhile, and this lock means nothing any more.
            raise LockedError
        transport = Transport(device.server_url, state.authority(device))
        with Outbox(state.outbox(device)) as outbox, contextlib.closing(transport):
            yield device, outbox, transport


def deliver(state: State, errand: Errand | None = None) -> Delivery:
    """Deliver what waits for the device of this state directory, one process at a time.

    Once all is delivered, do the `errand`, if there is one. Raises `AgentError` where the state
    itself can't be used.
    """
    try:
        with reporting(state) as (device, outbox, transport):
            delivered = Reporter(state, device, outbox, transport).deliver()
            if errand is None or delivered.kind is not DeliveryKind.ACCEPTED:
                return delivered
            # The key may have been changed on the way.
            return Answering(state, state.device(), outbox, transport).run(errand, delivered)
    except LockedError:
        return _later(Obstacle.LAPTOP, AgentError(words.UNDER_WAY, words.WAITED_FOR))


def main(arguments: Sequence[str]) -> int:
    """Deliver once and print the `Delivery`.

    `arguments` are the daemon's: `--state DIR`, and `--errand NAME` for one on standard input.
    """
    match arguments:
        case ["--state", folder]:
            name = ""
        case ["--state", folder, "--errand", name] if name in errands.KINDS:
            pass
        case _:
            sys.stderr.write("usage: passmuster-agent reporter --state DIR [--errand NAME]\n")
            return int(ExitCode.USAGE)
    try:
        errand = _read_errand(name) if name else None
        delivered = deliver(State(Path(folder)), errand)
    except AgentError as error:
        delivered = _later(Obstacle.LAPTOP, error)
    sys.stdout.buffer.write(delivered.to_bytes())
    return 0


def _read_errand(name: str) -> Errand:
    try:
        return errands.from_bytes(name, sys.stdin.buffer.read(errands.MAX_BYTES + 1))
    except ContractError as error:
        raise AgentError("The daemon asked for something else.", str(error)) from None


def _later(obstacle: Obstacle, error: AgentError, reply: Reply | None = None) -> Delivery:
    return Delivery(
        DeliveryKind.LATER,
        datetime.now(UTC),
        0,
        obstacle,
        reply.problem.code if reply and reply.problem else "",
        error.problem[:1024],
        error.remedy[:512],
        reply.retry_after_s if reply else 0,
    )
