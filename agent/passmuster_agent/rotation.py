"""A new key in the old one's place, in steps that a crash may come between.

What is under way lies in `<state>/<identity>/rotation.json`, which is written before each step it
tells of:

1. the name of the key to come, before the key is made;
2. the message that both keys have signed, before it is sent;
3. after the answer: `device.json` names the new key, the outbox has the next nonce, the old key is
   deleted, and the file is removed.

Until the answer is known the message is sent again, byte for byte, before anything else is sent:
the server answers it as often as it is asked. So at every moment one of the two keys is the
device's and is there.
"""

import contextlib
import dataclasses
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from passmuster_agent import keystore, private_files
from passmuster_agent.config import ENROL_AGAIN, Device, State, cannot_write
from passmuster_agent.errors import AgentError, because
from passmuster_agent.identity import signed
from passmuster_agent.keystore import NewKey
from passmuster_agent.outbox import Outbox
from passmuster_collectors.contract import codec, strict_json
from passmuster_collectors.contract.canonical import canonical_bytes
from passmuster_collectors.contract.declaration import Text, Whole
from passmuster_collectors.contract.enrolment import KeyTier
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.rotation import (
    PROOF_TYPE,
    ROTATION_TYPE,
    VERSION,
    KeyRotated,
    KeyRotation,
    NewKeyProof,
)

PATH = "keys"
NAME = "rotation.json"


@dataclass(frozen=True)
class Pending:
    """A rotation that is under way. `tier` and the four after it are empty until it is signed.

    `old` and `old_tier` are the key that gives way. `message` is the signed `KeyRotation`.
    """

    version: Annotated[int, Whole(least=VERSION, most=VERSION)]
    old: Annotated[str, Text(longest=16)]
    old_tier: KeyTier
    new: Annotated[str, Text(longest=16)]
    tier: KeyTier | None = None
    thumbprint: Annotated[str, Text(longest=64)] = ""
    fingerprint: Annotated[str, Text(longest=14)] = ""
    sequence: int = 0
    message: Annotated[str, Text(longest=16_384)] = ""


def find(state: State, device: Device) -> Pending | None:
    """Return the rotation that is under way. Raises `AgentError` for a file that is damaged."""
    path = _path(state, device)
    try:
        return codec.decode(Pending, strict_json.parse(private_files.read(path)))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise AgentError(f"{path} cannot be read: {because(error)}.", ENROL_AGAIN) from None
    except ContractError as error:
        raise AgentError(f"{path} is damaged ({error}).", ENROL_AGAIN) from None


def begin(state: State, device: Device, new: str) -> Pending:
    """Note the name of the key that is about to be made."""
    pending = Pending(VERSION, device.key_name, device.tier, new)
    _keep(state, device, pending)
    return pending


def sign(
    state: State, device: Device, pending: Pending, made: NewKey, outbox: Outbox, url: str
) -> Pending:
    """Have both keys sign, keep the message, and return what is to be sent to `url`."""
    sequence, nonce = outbox.ratchet()
    old = keystore.of_tier(pending.old_tier, state.path)
    tier = made.keys.tier
    thumbprint = made.public_key.thumbprint()
    proof = NewKeyProof(
        device=device.device,
        server=device.server,
        thumbprint=thumbprint,
        replaces=old.public_key(pending.old).thumbprint(),
        tier=tier,
        nonce=nonce,
    )
    rotation = KeyRotation(
        version=VERSION,
        audience=device.server,
        method="POST",
        url=url,
        sequence=sequence,
        nonce=nonce,
        sent_at=datetime.now(UTC),
        public_key=made.public_key,
        tier=tier,
        proof=signed(
            canonical_bytes(codec.encode(proof)),
            kind=PROOF_TYPE,
            key_id=thumbprint,
            sign=lambda message: made.keys.sign(pending.new, message),
        ),
    )
    message = signed(
        canonical_bytes(codec.encode(rotation)),
        kind=ROTATION_TYPE,
        key_id=device.device,
        sign=lambda data: old.sign(pending.old, data),
    )
    ready = dataclasses.replace(
        pending,
        tier=tier,
        thumbprint=thumbprint,
        fingerprint=made.public_key.fingerprint(),
        sequence=sequence,
        message=message,
    )
    # The new key's own folder has to be on the disk before the server may rely on the key.
    private_files.sync_directory(state.path)
    _keep(state, device, ready)
    return ready


def read_answer(body: bytes, device: Device, pending: Pending) -> KeyRotated:
    """Return the server's answer. Raises `ContractError` for one that is not about this."""
    answer = codec.decode(KeyRotated, strict_json.parse(body))
    if (answer.device, answer.thumbprint) != (device.device, pending.thumbprint):
        raise ContractError("thumbprint", "is another key's")
    return answer


def complete(
    state: State, device: Device, outbox: Outbox, pending: Pending, answer: KeyRotated
) -> Device:
    """Make the new key this laptop's and return who it is now; doing it again changes nothing."""
    assert pending.tier is not None  # noqa: S101 - it was signed
    renewed = dataclasses.replace(
        device, key=pending.new, tier=pending.tier, fingerprint=pending.fingerprint
    )
    state.save(renewed)
    outbox.rotated(pending.sequence, answer.nonce)
    _delete(state, pending.old, (pending.old_tier,))
    _remove(state, device)
    return renewed


def drop(state: State, device: Device, pending: Pending) -> None:
    """Give up a rotation that the server knows nothing of; the old key stays this laptop's."""
    _delete(state, pending.new, keystore.TIERS if pending.tier is None else (pending.tier,))
    _remove(state, device)


def forget(state: State, device: Device) -> None:
    """Delete the keys of an enrolment that is over, one that is under way among them."""
    with contextlib.suppress(AgentError):
        pending = find(state, device)
        if pending is not None:
            drop(state, device, pending)
    _delete(state, device.key_name, (device.tier,))


def _delete(state: State, name: str, tiers: tuple[KeyTier, ...]) -> None:
    """Delete a key that counts for nothing any more; one that can't be reached does no harm."""
    for tier in tiers:
        with contextlib.suppress(AgentError):
            keystore.of_tier(tier, state.path).delete(name)
    with contextlib.suppress(OSError):
        # The folder of a first key holds the outbox too, and so it stays.
        state.identity(name).rmdir()


def _keep(state: State, device: Device, pending: Pending) -> None:
    path = _path(state, device)
    try:
        private_files.replace(path, canonical_bytes(codec.encode(pending)) + b"\n")
    except OSError as error:
        raise cannot_write(path, error) from None


def _remove(state: State, device: Device) -> None:
    path = _path(state, device)
    try:
        path.unlink(missing_ok=True)
        private_files.sync_directory(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from None


def _path(state: State, device: Device) -> Path:
    return state.identity(device.identity) / NAME
