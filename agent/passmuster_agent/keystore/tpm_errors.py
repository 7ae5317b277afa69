"""What a TPM refuses with, by name (TCG TPM 2.0 Library, Part 2, section 6.6)."""

from passmuster_agent.config import ENROL_AGAIN
from passmuster_agent.keystore.interface import KeyStoreError

FORMAT_ONE = 0x080
"""Set in a code that is about one parameter, handle or session; its number is in other bits."""

AUTH_FAIL = 0x08E
HIERARCHY = 0x085
VALUE = 0x084
HANDLE = 0x08B
CURVE = 0x0A6
INTEGRITY = 0x09F
BAD_AUTH = 0x0A2
INITIALIZE = 0x100
FAILURE = 0x101
OBJECT_MEMORY = 0x902
SESSION_MEMORY = 0x903
MEMORY = 0x904
YIELDED = 0x908
TESTING = 0x90A
NV_RATE = 0x920
LOCKOUT = 0x921
RETRY = 0x922

AGAIN = frozenset({YIELDED, TESTING, NV_RATE, RETRY})
"""The TPM is busy with itself: the same command is to be sent again (Part 2, table 17)."""

_RESTART = "Restart this laptop; if that does not help, ask IT."

_NAMED = {
    AUTH_FAIL: ("AUTH_FAIL", "its owner has set a password", "Ask IT to clear the TPM's owner."),
    BAD_AUTH: ("BAD_AUTH", "its owner has set a password", "Ask IT to clear the TPM's owner."),
    HIERARCHY: (
        "HIERARCHY",
        "its owner's keys are switched off",
        "Switch the TPM on in the firmware's setup, or use another tier.",
    ),
    VALUE: ("VALUE", "it does not know what was asked for", "Use another tier."),
    CURVE: ("CURVE", "it has no P-256 keys", "Use another tier."),
    INTEGRITY: (
        "INTEGRITY",
        "the key was made by another TPM, or this one has been cleared since",
        ENROL_AGAIN,
    ),
    INITIALIZE: ("INITIALIZE", "the firmware has not started it", _RESTART),
    FAILURE: ("FAILURE", "it has failed its own test", _RESTART),
    OBJECT_MEMORY: ("OBJECT_MEMORY", "it is full", _RESTART),
    SESSION_MEMORY: ("SESSION_MEMORY", "it is full", _RESTART),
    MEMORY: ("MEMORY", "it is full", _RESTART),
    LOCKOUT: (
        "LOCKOUT",
        "it is locked after too many wrong passwords",
        "Wait until it opens again by itself (some hours), or ask IT to end the lockout.",
    ),
    YIELDED: ("YIELDED", "it stays busy", _RESTART),
    TESTING: ("TESTING", "it stays busy", _RESTART),
    NV_RATE: ("NV_RATE", "it stays busy", _RESTART),
    RETRY: ("RETRY", "it stays busy", _RESTART),
}


class TpmError(KeyStoreError):
    """The TPM refused. `code` is the response code without the number of what it is about."""

    def __init__(self, code: int, command: str) -> None:
        name, detail, remedy = _NAMED.get(
            code, (f"0x{code:03X}", "for a reason of its own", "Tell IT this code.")
        )
        super().__init__(f"The TPM refused {command}: {detail} ({name}).", remedy)
        self.code = code


def plain(code: int) -> int:
    """Return a response code without the number of the parameter, handle or session.

    Format one: bits 0 to 5 are the error, bit 7 is set, bit 6 and bits 8 to 11 say what it is
    about. Format zero: bits 0 to 6 are the error, bit 8 the version, bit 11 a warning.
    """
    return code & 0x0BF if code & FORMAT_ONE else code & 0x97F
