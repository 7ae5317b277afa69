"""Where the device's private key is kept: one module a tier, the strongest that works is chosen.

Only when a key is made is there a choice. Afterwards the key is where it was made or nowhere: an
agent that quietly used a weaker place would make the tier that IT sees a lie.
"""

import contextlib
import sys
from dataclasses import dataclass
from pathlib import Path

from passmuster_agent.keystore.interface import KeyStore, KeyStoreError
from passmuster_collectors.contract.enrolment import KeyTier, PublicKey

AUTO = "auto"
STRONGER = (KeyTier.HARDWARE, KeyTier.SEALED)
TIERS = (*(() if sys.platform == "darwin" else STRONGER), KeyTier.KEYRING, KeyTier.FILE)
"""What this agent can do on this system, from strongest to weakest."""

CHOICES = (AUTO, *(tier.value for tier in TIERS))


def is_weaker(tier: KeyTier, than: KeyTier) -> bool:
    """Whether a key in `tier` is kept less well."""
    order = list(KeyTier)
    return order.index(tier) > order.index(than)


@dataclass(frozen=True)
class NewKey:
    """A key that was just made, and why each stronger tier was passed over."""

    keys: KeyStore
    public_key: PublicKey
    passed_over: tuple[tuple[KeyTier, KeyStoreError], ...]


def make(tier: str, state: Path, name: str) -> NewKey:
    """Make a key called `name` in the tier asked for, or for `auto` in the best that works.

    A key counts as made when it has signed something. Raises `KeyStoreError`; then there is none.
    """
    if tier != AUTO:
        keys = of_tier(KeyTier(tier), state)
        return NewKey(keys, _made(keys, name), ())
    passed_over: list[tuple[KeyTier, KeyStoreError]] = []
    for candidate in TIERS:
        try:
            keys = of_tier(candidate, state)
            return NewKey(keys, _made(keys, name), tuple(passed_over))
        except KeyStoreError as error:
            passed_over.append((candidate, error))
    raise passed_over[-1][1]


def of_tier(tier: KeyTier, state: Path) -> KeyStore:
    """Return the keystore of that tier and of no other. Raises `KeyStoreError`."""
    # Imported here: each tier's libraries cost more than all the rest of an upload.
    if sys.platform == "linux" and tier is KeyTier.HARDWARE:
        from passmuster_agent.keystore.tpm import TpmKeyStore  # noqa: PLC0415 - see above

        return TpmKeyStore(state)
    if sys.platform == "linux" and tier is KeyTier.SEALED:
        from passmuster_agent.keystore.sealed import SealedKeyStore  # noqa: PLC0415 - see above

        return SealedKeyStore(state)
    if sys.platform == "win32" and tier is KeyTier.HARDWARE:
        from passmuster_agent.keystore.cng import CngKeyStore  # noqa: PLC0415 - see above

        return CngKeyStore()
    if sys.platform == "win32" and tier is KeyTier.SEALED:
        from passmuster_agent.keystore.dpapi import DpapiKeyStore  # noqa: PLC0415 - see above

        return DpapiKeyStore(state)
    if tier is KeyTier.KEYRING:
        from passmuster_agent.keystore.keyring import KeyringKeyStore  # noqa: PLC0415 - see above

        return KeyringKeyStore()
    if tier is KeyTier.FILE:
        from passmuster_agent.keystore.file import FileKeyStore  # noqa: PLC0415 - see above

        return FileKeyStore(state)
    raise KeyStoreError(
        f"This agent has no keys of the tier {tier} on this system.",
        "Install the version of the agent that this laptop was enrolled with.",
    )


def _made(keys: KeyStore, name: str) -> PublicKey:
    public_key = keys.create(name)
    try:
        keys.sign(name, b"a trial")
    except KeyStoreError:
        with contextlib.suppress(KeyStoreError):
            keys.delete(name)
        raise
    return public_key
