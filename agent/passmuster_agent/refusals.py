"""The server's refusals that end all reporting, in a person's words."""

from passmuster_agent.config import ENROL_AGAIN

AGENT_TOO_OLD = "agent_too_old"
"""The server takes no reports of this version; it says from which one on it does."""

STOPPING = {
    "revoked": ("IT has revoked this laptop.", "Ask IT; it can be enrolled again with a new code."),
    "unknown_device": ("The server does not know this laptop.", ENROL_AGAIN),
    "bad_signature": ("The server has another key for this laptop.", ENROL_AGAIN),
    "identity_conflict": (
        "A second copy of this laptop's key has reported: the server trusts neither.",
        f"Tell IT, for the key may have been copied. {ENROL_AGAIN}",
    ),
    "replayed": (
        "The server has taken this report in before: this laptop's state was set back or copied.",
        f"Tell IT if you do not know why. {ENROL_AGAIN}",
    ),
}
"""Refusals that trying again would not mend."""
