"""What a pair of numbers of wlanapi means: how one joins, and what encrypts the air.

`DOT11_AUTH_ALGORITHM` and `DOT11_CIPHER_ALGORITHM` in wlantypes.h. Neither says it alone: WEP is
"open" with a cipher.
"""

from collections.abc import Mapping

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.signals.wifi_security.facts import Security

OPEN, SHARED_KEY = 1, 2
NO_CIPHER, TKIP = 0x00, 0x02
WEP_CIPHERS = frozenset({0x01, 0x05, 0x101})  # of 40, 104 and any number of bits
STRONG_CIPHERS = frozenset({0x04, 0x08, 0x09, 0x0A})  # CCMP, GCMP, GCMP-256, CCMP-256

BY_AUTHENTICATION: Mapping[int, Security] = {
    3: Security.WPA1_ENTERPRISE,
    4: Security.WPA1_PERSONAL,
    6: Security.WPA2_ENTERPRISE,
    7: Security.WPA2_PERSONAL,
    8: Security.WPA3_ENTERPRISE,  # its 192-bit mode
    9: Security.WPA3_PERSONAL,
    10: Security.OWE,
    11: Security.WPA3_ENTERPRISE,
}
# They do without TKIP for broadcasts too; of the others Windows tells the cipher for one's own
# traffic alone.
WITHOUT_TKIP = frozenset({Security.WPA3_PERSONAL, Security.WPA3_ENTERPRISE, Security.OWE})
NOTHING_KNOWN: tuple[Security, bool | Unknown] = (Security.UNKNOWN, UNKNOWN)


def negotiated(
    authentication: int, cipher: int, *, security_enabled: bool
) -> tuple[Security, bool | Unknown]:
    """Return the security and whether an outdated cipher is in use.

    A maker's own numbers and pairs that contradict themselves are unknown.
    """
    if cipher in WEP_CIPHERS or authentication == SHARED_KEY:
        return Security.WEP, True
    if authentication == OPEN and cipher == NO_CIPHER:
        return Security.OPEN, False
    security = BY_AUTHENTICATION.get(authentication)
    if security is None or not security_enabled:
        return NOTHING_KNOWN
    if cipher == TKIP:
        # Only the older two have ever been allowed to use it.
        return NOTHING_KNOWN if security in WITHOUT_TKIP else (security, True)
    if cipher not in STRONG_CIPHERS:
        return NOTHING_KNOWN
    return security, False if security in WITHOUT_TKIP else UNKNOWN
