"""The keychain of the computer, for an agent that runs as root on a Mac.

The library `keyring` stores where this process's default keychain is (its own setting for that is
ignored, keyring issue 623). Of a daemon that is the System keychain anyway; of `sudo` in somebody's
terminal it is that person's, where the daemon would never find the key. Security/SecKeychain.h:
the preference domain of a process decides between the two.
"""

import ctypes
import sys

SECURITY = "/System/Library/Frameworks/Security.framework/Security"
SYSTEM_DOMAIN = 1
"""kSecPreferencesDomainSystem."""


def use_system_keychain(security: ctypes.CDLL | None = None) -> None:
    """Let the System keychain be this process's default. Raises `OSError`."""
    library = security or _security()
    library.SecKeychainSetPreferenceDomain.restype = ctypes.c_int32
    library.SecKeychainSetPreferenceDomain.argtypes = (ctypes.c_int32,)
    status = library.SecKeychainSetPreferenceDomain(SYSTEM_DOMAIN)
    if status != 0:
        raise OSError(0, f"SecKeychainSetPreferenceDomain: {status}")


def _security() -> ctypes.CDLL:
    if sys.platform != "darwin":
        raise OSError(0, "not a Mac")
    return ctypes.CDLL(SECURITY)
