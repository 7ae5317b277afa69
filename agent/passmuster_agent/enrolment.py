"""`enroll`: this laptop gets a key that becomes a device of the organisation.

The one-time code comes from a person or a pipe, and goes to the server and nowhere else.
"""

import contextlib
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from passmuster_agent import keystore, private_files, rotation
from passmuster_agent.authority import read_authority
from passmuster_agent.ceremony import Ceremony
from passmuster_agent.config import IDENTITY, VERSION, Device, State, cannot_write
from passmuster_agent.errors import AgentError
from passmuster_agent.key_loss import code_that_replaces, refuse_weaker
from passmuster_agent.keystore import NewKey, is_weaker
from passmuster_agent.keystore.interface import KeyStore
from passmuster_agent.lock import LockedError
from passmuster_agent.outbox import Outbox
from passmuster_agent.transport import Transport, check_url
from passmuster_collectors.contract.enrolment import Enrolled, KeyTier

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
    sleep: Callable[[float], None] = time.sleep,
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
                ceremony = Ceremony(
                    transport, made.keys, identity, made.public_key, request.owner, sleep
                )
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
        tier_before = earlier.tier
        if is_weaker(tier, tier_before):
            say(f"The key was kept in tier {tier_before} before, which is stronger than {tier}.")
        else:
            say(f"The key was kept in tier {tier_before} before, which is weaker than {tier}.")
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
        version=VERSION,
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
