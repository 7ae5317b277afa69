"""The ceremony by which this laptop's key becomes a device of the organisation.

The one-time code comes from a person or a pipe, and goes to the server and nowhere else.
"""

import contextlib
import platform
import secrets
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from passmuster_agent import __version__, keystore, private_files, rotation
from passmuster_agent.authority import read_authority
from passmuster_agent.config import IDENTITY, Device, State, cannot_write
from passmuster_agent.config import VERSION as DEVICE_VERSION
from passmuster_agent.errors import AgentError, ExitCode
from passmuster_agent.identity import signed
from passmuster_agent.key_loss import code_that_replaces, refuse_weaker
from passmuster_agent.keystore import NewKey, is_weaker
from passmuster_agent.keystore.interface import KeyStore
from passmuster_agent.lock import LockedError
from passmuster_agent.one_time_code import REFUSALS, CodeRefusedError, credential, normalised
from passmuster_agent.outbox import Outbox
from passmuster_agent.sign_in_approval import NOT_YET, NotYetError, told, wait_for_approval
from passmuster_agent.transport import Transport, UnreachableError, check_url
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
PAUSES_S = (0.5, 2.0)
"""Before a code is sent once more whose answer did not arrive."""
WAITS = "This laptop waits for IT's approval. It reports meanwhile, and opens nothing before that."
OTHER_REPORTER_S = 60.0
"""How long to wait for an upload of the earlier enrolment."""


@dataclass(frozen=True)
class Request:
    """What a person asked for. `tier` is `auto` or a tier's name; `authority` a PEM file.

    `owner` is the e-mail address that goes with a deployment secret, or of the only person who may
    approve. `sign_in`: a person approves after signing in, and no code is asked for.
    """

    server_url: str
    authority: Path | None
    tier: str
    replace: bool
    owner: str | None = None
    sign_in: bool = False


def enroll(
    state: State,
    request: Request,
    ask: Callable[[], str],
    say: Callable[[str], None],
    *,
    tries: int,
) -> Device:
    """Enrol this laptop and return who it is now. `ask` returns the code, up to `tries` times.

    Raises `AgentError`; then nothing has changed, and an earlier enrolment is still in force.
    """
    url = check_url(request.server_url)
    if request.authority is not None and urlsplit(url).scheme == "http":
        raise AgentError("--ca has no use with an http:// server.", "Leave it out.")
    pinned = None if request.authority is None else read_authority(request.authority)
    with state.lock():
        earlier = _earlier(state, replace=request.replace)
        identity = secrets.token_hex(8)
        with contextlib.ExitStack() as undone:
            # Whatever fails leaves nothing behind.
            undone.callback(shutil.rmtree, state.identity(identity), ignore_errors=True)
            made = keystore.make(request.tier, state.path, identity)
            undone.callback(_delete_key, made.keys, identity)
            _tell_passed_over(made, say)
            if earlier is not None:
                _tell_change(request.tier, earlier, made.keys.tier, say)
            folder = state.identity(identity)
            private_files.make_directory(folder)
            authority = _pin(folder, pinned)
            with contextlib.closing(Transport(url, authority)) as transport:
                ceremony = Ceremony(transport, made.keys, identity, made.public_key, request.owner)
                if request.sign_in:
                    enrolled = ceremony.complete_by_sign_in(say)
                else:
                    enrolled = ceremony.complete(ask, say, tries)
            if enrolled.waits:
                say(WAITS)
            device = _device(url, pinned is not None, identity, made, enrolled)
            Outbox.create(state.outbox(device), enrolled.nonce, enrolled.report_within_s).close()
            with _not_reporting(state, earlier):
                state.save(device)
                undone.pop_all()
                if earlier is not None:
                    rotation.forget(state, earlier)
        _forget_others(state, identity)
    return device


class Ceremony:
    """One enrolment with one server: proves a new key together with a code."""

    def __init__(
        self,
        transport: Transport,
        keys: KeyStore,
        identity: str,
        key: PublicKey,
        owner: str | None = None,
    ) -> None:
        self._owner = owner
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
                return self._finish_for_certain(challenge, normalised(ask()))
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

    def _finish_for_certain(self, challenge: EnrolmentChallenge, code: str) -> Enrolled:
        """Ask again where no answer came: the code may have been used, and counts once."""
        for pause_s in PAUSES_S:
            try:
                return self._finish(challenge, code)
            except UnreachableError:
                time.sleep(pause_s)
        return self._finish(challenge, code)

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
            field = f" (field {reply.problem.field})" if reply.problem.field else ""
            wait = f" in {reply.retry_after_s} s" if reply.retry_after_s else ""
            raise AgentError(
                f"The server refused: {reply.problem.detail}{field}",
                f"Try again{wait}, or ask IT.",
                ExitCode.NOT_DELIVERED if reply.status in (429, 503) else ExitCode.REFUSED,
            )
        if reply.status not in (200, 201):
            raise AgentError(
                f"What answers at {self._transport.server_url} is not Passmuster "
                f"(status {reply.status}).",
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


def _earlier(state: State, *, replace: bool) -> Device | None:
    """Return the enrolment that is about to be replaced, or None; a damaged one counts as none."""
    try:
        earlier = state.find_device()
    except AgentError:
        if not replace:
            raise
        return None
    if earlier is not None and not replace:
        raise AgentError(
            f"This laptop is enrolled already, for {earlier.owner} at {earlier.server_url}.",
            "To enrol it anew add --replace: its key and what it has not sent yet are deleted.",
        )
    return earlier


@contextlib.contextmanager
def _not_reporting(state: State, earlier: Device | None) -> Iterator[None]:
    """Keep whoever changes the earlier enrolment's key from saving it over the new one."""
    if earlier is None or not state.identity(earlier.identity).is_dir():
        yield
        return
    try:
        lock = state.reporter_lock(earlier, OTHER_REPORTER_S)
    except LockedError:
        raise AgentError("An upload is under way.", "Try again in a moment.") from None
    with lock:
        yield


def _tell_passed_over(made: NewKey, say: Callable[[str], None]) -> None:
    for tier, error in made.passed_over:
        say(f"Not in tier {tier}: {error.problem}")


def _tell_change(asked: str, earlier: Device, tier: KeyTier, say: Callable[[str], None]) -> None:
    refuse_weaker(asked, earlier, tier, "nothing has changed")
    if tier is not earlier.tier:
        strength = "stronger" if is_weaker(tier, earlier.tier) else "weaker"
        say(f"The key was kept in tier {earlier.tier} before, which is {strength} than {tier}.")
        say(code_that_replaces(earlier))


def _delete_key(keys: KeyStore, name: str) -> None:
    with contextlib.suppress(AgentError):
        keys.delete(name)


def _forget_others(state: State, kept: str) -> None:
    """Remove what belonged to every enrolment but `kept`, also to those that were cut short."""
    for folder in state.path.iterdir():
        if IDENTITY.fullmatch(folder.name) and folder.name != kept:
            shutil.rmtree(folder, ignore_errors=True)


def _pin(folder: Path, certificates: bytes | None) -> Path | None:
    if certificates is None:
        return None
    path = folder / "authority.pem"
    try:
        private_files.create(path, certificates)
    except OSError as error:
        raise cannot_write(path, error) from None
    return path


def _device(url: str, pinned: bool, identity: str, made: NewKey, enrolled: Enrolled) -> Device:
    return Device(
        version=DEVICE_VERSION,
        identity=identity,
        device=enrolled.device,
        owner=enrolled.owner,
        server=enrolled.server,
        server_url=url,
        pinned=pinned,
        tier=made.keys.tier,
        fingerprint=made.public_key.fingerprint(),
        hash_key=enrolled.hash_key,
    )
