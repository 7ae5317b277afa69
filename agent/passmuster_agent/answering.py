"""The reporter's errands: what this laptop's key signs for browsers."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

from passmuster_agent import keystore
from passmuster_agent.config import Device, State
from passmuster_agent.delivery import Delivery
from passmuster_agent.delivery_words import NOT_AS_A_SERVER
from passmuster_agent.errands import Confirm, Errand, LookUp
from passmuster_agent.identity import CONTENT_TYPE, signed
from passmuster_agent.outbox import Outbox
from passmuster_agent.transport import Reply, Transport, UnreachableError
from passmuster_collectors.contract import attestation, codec, confirmation, strict_json
from passmuster_collectors.contract.attestation import Attestation, Summons
from passmuster_collectors.contract.canonical import canonical_bytes
from passmuster_collectors.contract.confirmation import (
    BrowserAsking,
    Confirmation,
    Confirmed,
    NumberQuestion,
)
from passmuster_collectors.contract.errors import ContractError

OTHER_SERVER = "The server is of a version that is not known here."
NO_NUMBERS = "The server knows of no numbers yet: it has to be updated."

Answer = TypeVar("Answer")


class Answering:
    """One device whose reports were all delivered."""

    def __init__(self, state: State, device: Device, outbox: Outbox, transport: Transport) -> None:
        self._state = state
        self._device = device
        self._outbox = outbox
        self._transport = transport

    def run(self, errand: Errand, delivered: Delivery) -> Delivery:
        """Return how the reports were delivered, with what came of the errand."""
        if isinstance(errand, Summons):
            return replace(delivered, attestation=self._attested(errand))
        try:
            if isinstance(errand, LookUp):
                return replace(delivered, asking=self._looked_up(errand))
            self._confirm(errand)
        except _RefusedError as error:
            return replace(delivered, refused=str(error)[:512], by_server=error.by_server)
        except UnreachableError as error:
            return replace(delivered, refused=str(error)[:512])
        return replace(delivered, confirmed=True)

    def _attested(self, summons: Summons) -> str:
        """Return the signed answer to a browser that asks on which laptop it is."""
        answer = Attestation(
            version=attestation.VERSION,
            audience=self._device.server,
            origin=self._device.server_url,
            challenge=summons.challenge,
            session=summons.session,
            sequence=self._last_sequence(),
            signed_at=datetime.now(UTC),
        )
        return self._signed(answer, attestation.ATTESTATION_TYPE)

    def _looked_up(self, errand: LookUp) -> BrowserAsking:
        question = NumberQuestion(
            version=confirmation.VERSION,
            audience=self._device.server,
            origin=self._device.server_url,
            number=errand.number,
            signed_at=datetime.now(UTC),
        )
        message = self._signed(question, confirmation.QUESTION_TYPE)
        return self._sent(confirmation.QUESTION_PATH, message, BrowserAsking)

    def _confirm(self, errand: Confirm) -> None:
        answer = Confirmation(
            version=confirmation.VERSION,
            audience=self._device.server,
            origin=self._device.server_url,
            number=errand.number,
            challenge=errand.challenge,
            session=errand.session,
            sequence=self._last_sequence(),
            signed_at=datetime.now(UTC),
        )
        message = self._signed(answer, confirmation.CONFIRMATION_TYPE)
        self._sent(confirmation.PATH, message, Confirmed)

    def _sent(self, path: str, message: str, kind: type[Answer]) -> Answer:
        reply = self._transport.post(path, message.encode("ascii"), CONTENT_TYPE)
        if reply.status != 200:
            by_server = reply.problem is not None and reply.status < 500
            raise _RefusedError(_why(reply), by_server=by_server)
        try:
            return codec.decode(kind, strict_json.parse(reply.body))
        except ContractError:
            raise _RefusedError(OTHER_SERVER) from None

    def _last_sequence(self) -> int:
        following, _ = self._outbox.ratchet()
        return following - 1

    def _signed(self, message: object, kind: str) -> str:
        keys = keystore.of_tier(self._device.tier, self._state.path)
        return signed(
            canonical_bytes(codec.encode(message)),
            kind=kind,
            key_id=self._device.device,
            sign=lambda data: keys.sign(self._device.key_name, data),
        )


class _RefusedError(Exception):
    """What was asked is not known to be done, in words for a person.

    `by_server`: the server itself says that it is not done.
    """

    def __init__(self, why: str, *, by_server: bool = False) -> None:
        super().__init__(why)
        self.by_server = by_server


def _why(reply: Reply) -> str:
    if reply.problem is not None:
        return reply.problem.detail
    if reply.status == 404:
        return NO_NUMBERS
    return NOT_AS_A_SERVER.format(status=reply.status)
