"""What laptop and server say to each other until a new key is a device.

The laptop proves the key together with a one-time code, a deployment secret, or the code that a
person has approved after signing in.
"""

import platform
import secrets
import socket
import time
from collections.abc import Callable
from typing import TypeVar

from passmuster_agent import __version__
from passmuster_agent.delivery_words import NOT_PASSMUSTER, NOT_READY
from passmuster_agent.errors import AgentError, ExitCode
from passmuster_agent.identity import signed
from passmuster_agent.keystore.interface import KeyStore
from passmuster_agent.one_time_code import REFUSALS, CodeRefusedError, credential, normalised
from passmuster_agent.sign_in_approval import NOT_YET, NotYetError, told, wait_for_approval
from passmuster_agent.transport import Transport, UnreachableError
from passmuster_collectors.contract import codec, strict_json
from passmuster_collectors.contract.canonical import canonical_bytes, from_base64url
from passmuster_collectors.contract.enrolment import (
    PROOF_TYPE,
    VERSION,
    ApprovalStart,
    ApprovalStarted,
    Enrolled,
    EnrolmentChallenge,
    EnrolmentFinish,
    EnrolmentProof,
    EnrolmentStart,
    KeyTier,
    PublicKey,
)
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.host import this_host

T = TypeVar("T")

HASH_KEY_BYTES = 32
PAUSES_S = (0.5, 2.0, 5.0, 10.0, 15.0)
"""Before a code is sent once more whose answer did not arrive: a server is started anew meanwhile.

The server keeps its answer for 15 minutes.
"""

LONGEST_PAUSE_S = 60.0
"""A person waits, whatever the server's wish."""

SENT_AGAIN = "Sending the code again ..."
MAY_BE_USED = "The code may have been used: if it is refused next time, ask IT for a new one."


class Ceremony:
    """One enrolment with one server: proves a new key together with a code."""

    def __init__(
        self,
        transport: Transport,
        keys: KeyStore,
        identity: str,
        key: PublicKey,
        owner: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._owner = owner
        self._sleep = sleep
        self._transport = transport
        self._keys = keys
        self._identity = identity
        self.key = key

    def complete(self, ask: Callable[[], str], say: Callable[[str], None], tries: int) -> Enrolled:
        """Return the server's word that this laptop is a device now. Raises `AgentError`."""
        challenge = self._start()
        say(f"This laptop's key: {self.key.fingerprint()} (IT sees the same letters)")
        while True:
            tries -= 1
            try:
                return self._finish_for_certain(challenge, normalised(ask()), say)
            except CodeRefusedError as error:
                if not error.again or tries < 1:
                    raise
                say(str(error))

    def complete_by_sign_in(self, say: Callable[[str], None]) -> Enrolled:
        """Return the server's word once a person has approved. Raises `AgentError`."""
        challenge = self._start()
        asked = codec.encode(ApprovalStart(VERSION, challenge.enrolment, self._owner))
        started = self._post("enrolment/approval", asked, ApprovalStarted)
        say(told(started, self.key.fingerprint(), self._owner))
        # Whose laptop it is the person's sign-in says, and nobody else.
        self._owner = None
        return wait_for_approval(started, lambda: self._finish(challenge, normalised(started.code)))

    def _start(self) -> EnrolmentChallenge:
        start = start_message(self.key, self._keys.tier)
        return self._post("enrolment", codec.encode(start), EnrolmentChallenge)

    def _finish_for_certain(
        self, challenge: EnrolmentChallenge, code: str, say: Callable[[str], None]
    ) -> Enrolled:
        """Ask again where no answer came: the code may have been used, and counts once."""
        for tried, pause_s in enumerate(PAUSES_S):
            try:
                return self._finish(challenge, code)
            except UnreachableError as error:
                if not tried:
                    # A line each: what the server itself says may be several sentences.
                    say(error.problem)
                    say(SENT_AGAIN)
                self._sleep(min(max(pause_s, error.retry_after_s), LONGEST_PAUSE_S))
        try:
            return self._finish(challenge, code)
        except UnreachableError as error:
            raise UnreachableError(error.problem, f"{error.remedy} {MAY_BE_USED}") from None

    def _finish(self, challenge: EnrolmentChallenge, code: str) -> Enrolled:
        thumbprint = self.key.thumbprint()
        proof = EnrolmentProof(
            challenge=challenge.challenge,
            thumbprint=thumbprint,
            credential=credential(code),
            server=challenge.server,
        )
        jws = signed(
            canonical_bytes(codec.encode(proof)),
            kind=PROOF_TYPE,
            key_id=thumbprint,
            sign=lambda message: self._keys.sign(self._identity, message),
        )
        finish = codec.encode(EnrolmentFinish(VERSION, challenge.enrolment, code, jws, self._owner))
        if self._owner is None:
            # Servers of versions before know of no owner here.
            del finish["owner"]
        enrolled = self._post("enrolment/finish", finish, Enrolled)
        if enrolled.server != challenge.server:
            raise AgentError("The server changed its identity half-way.", "Tell IT.")
        _check_hash_key(enrolled.hash_key)
        return enrolled

    def _post(self, path: str, message: object, expected: type[T]) -> T:
        body = canonical_bytes(message)
        reply = self._transport.post(path, body, "application/json")
        if reply.problem is not None:
            code = reply.problem.code
            if code in NOT_YET:
                raise NotYetError(slow_down=NOT_YET[code])
            if code in REFUSALS:
                raise CodeRefusedError(*REFUSALS[code], again=code == "code_wrong")
            detail = reply.problem.detail
            if reply.problem.field:
                detail = f"{detail} (field {reply.problem.field})"
            problem = f"The server refused: {detail}"
            remedy = "Try again, or ask IT."
            if reply.retry_after_s:
                remedy = f"Try again in {reply.retry_after_s} s, or ask IT."
            if reply.status >= 500:
                raise UnreachableError(problem, remedy, reply.retry_after_s)
            busy = reply.status == 429
            raise AgentError(problem, remedy, ExitCode.NOT_DELIVERED if busy else ExitCode.REFUSED)
        if reply.status >= 500:
            raise UnreachableError(
                NOT_READY.format(server=self._transport.server_url, status=reply.status),
                "Try again later, or ask IT.",
                reply.retry_after_s,
            )
        if reply.status not in (200, 201):
            raise AgentError(
                NOT_PASSMUSTER.format(server=self._transport.server_url, status=reply.status),
                "Check the server's URL.",
                ExitCode.NOT_DELIVERED,
            )
        try:
            return codec.decode(expected, strict_json.parse(reply.body))
        except ContractError as error:
            raise _not_its_format(error) from None


def start_message(key: PublicKey, tier: KeyTier) -> EnrolmentStart:
    """Return the least that lets IT recognise this laptop."""
    return EnrolmentStart(
        version=VERSION,
        public_key=key,
        tier=tier,
        platform=this_host(secrets.token_bytes(HASH_KEY_BYTES)).platform,
        computer_name=socket.gethostname()[:128],
        system=_system()[:128],
        agent_version=__version__,
    )


def _check_hash_key(text: str) -> None:
    try:
        if len(from_base64url(text, "hash_key")) == HASH_KEY_BYTES:
            return
        error = ContractError("hash_key", f"not {HASH_KEY_BYTES} bytes")
    except ContractError as refused:
        error = refused
    raise _not_its_format(error)


def _not_its_format(error: ContractError) -> AgentError:
    return AgentError(
        f"The server's answer is not in its own format ({error}).",
        "Check that agent and server are of the same version.",
    )


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return f"{platform.system()} {platform.release()}"
