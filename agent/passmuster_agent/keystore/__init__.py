"""Where the device's private key is kept: one module a tier, the strongest that works is chosen.

Only at enrolment is there a choice. Afterwards the key is where it was made or nowhere: an agent
that quietly used a weaker place would make the tier that IT sees a lie.
"""

from pathlib import Path

from passmuster_agent.keystore.interface import KeyStore, KeyStoreError
from passmuster_collectors.contract.enrolment import KeyTier

CHOICES = ("auto", KeyTier.KEYRING.value, KeyTier.FILE.value)


def choose(tier: str, state: Path) -> KeyStore:
    """Return the keystore to enrol with: the tier asked for, or for `auto` the best that works.

    Raises `KeyStoreError` where a tier that was asked for is not to be had.
    """
    if tier != "auto":
        return of_tier(KeyTier(tier), state)
    try:
        return of_tier(KeyTier.KEYRING, state)
    except KeyStoreError:
        return of_tier(KeyTier.FILE, state)


def of_tier(tier: KeyTier, state: Path) -> KeyStore:
    """Return the keystore of that tier and of no other. Raises `KeyStoreError`."""
    # Imported here: the keyring's libraries cost more than all the rest of an upload.
    if tier is KeyTier.KEYRING:
        from passmuster_agent.keystore.keyring import KeyringKeyStore  # noqa: PLC0415 - see above

        return KeyringKeyStore()
    if tier is KeyTier.FILE:
        from passmuster_agent.keystore.file import FileKeyStore  # noqa: PLC0415 - see above

        return FileKeyStore(state)
    raise KeyStoreError(
        f"This agent has no keys of the tier {tier.value}.",
        "Install the version of the agent that this laptop was enrolled with.",
    )
