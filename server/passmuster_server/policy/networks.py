"""How a Wi-Fi network is known that IT names: by what agents report in place of its name."""

import hashlib
import hmac

from sqlalchemy import Connection

from passmuster_server.devices.store import organisation_of
from passmuster_server.policy.allowances import AllowanceError

MAX_SSID = 32
"""Bytes (IEEE 802.11-2020, 9.4.2.2)."""

HASH_DIGITS = 32


def hash_of(connection: Connection, organisation: str, ssid: str) -> str:
    """Return the hash of a network's name: `Host.keyed_hash("ssid", ...)` on the laptops.

    Raises `AllowanceError`.
    """
    name = ssid.encode("utf-8", "surrogateescape")
    if not 1 <= len(name) <= MAX_SSID:
        raise AllowanceError(f"ssid: a network's name has 1 to {MAX_SSID} bytes")
    key = bytes(organisation_of(connection, organisation).hash_key)
    return hmac.new(key, b"ssid\0" + name, hashlib.sha256).hexdigest()[:HASH_DIGITS]
