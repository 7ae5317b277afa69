"""What is said when this laptop's key is lost, so that nobody falls to a weaker place unseen.

A report is signed, so the server can't be told by one. It learns of it with the next enrolment: a
code that IT made to replace this device puts the lost tier into the new one's history.
"""

from passmuster_agent import keystore
from passmuster_agent.config import Device
from passmuster_agent.errors import AgentError
from passmuster_collectors.contract.enrolment import KeyTier


def lost_key(device: Device) -> str:
    """Return in a sentence which key it is that can't sign."""
    return f"The key {device.fingerprint}, kept in tier {device.tier}, can't sign."


def code_that_replaces(device: Device) -> str:
    """Return what IT has to know to make the code for the next enrolment."""
    replaced = device.device
    return (
        f"IT makes the code with --replaces {replaced}, so that its page says that the key "
        f"was kept in tier {device.tier} before."
    )


def refuse_weaker(asked: str, before: Device, tier: KeyTier, outcome: str) -> None:
    """Raise `AgentError` for a weaker tier than before which nobody has `asked` for by name."""
    if asked == keystore.AUTO and keystore.is_weaker(tier, before.tier):
        tier_before = before.tier
        raise AgentError(
            f"The best tier that works now is {tier}, which is weaker than {tier_before}"
            f": {outcome}.",
            f"If that is what you want, name it: --tier {tier}",
        )
