"""Enterprise networks: whether the laptop checks whom it hands its password to.

Without a certificate to check against, anybody who calls a network by the same name is taken for
it. One public authority is not enough without a name: it signs for everybody.

NetworkManager: the section `802-1x` of a profile (nm-settings-dbus(5)). wpa_supplicant: the same by
other names (wpa_supplicant.conf(5)). iwd: `EAP-*` keys of a network's file (iwd.network(5)).
"""

from collections.abc import Mapping
from typing import Any

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.signals.wifi_security.linux.bus_values import as_bytes

BY_CERTIFICATE = frozenset({"tls", "ttls", "peap"})
BY_SHARED_SECRET = frozenset({"pwd", "sim", "aka", "aka'"})
"""Both sides prove that they know the secret: there is nothing to give away."""

ONE_SIDED = frozenset({"md5", "leap"})
"""Only the laptop proves who it is."""

NAMES = ("domain-match", "domain-suffix-match", "altsubject-matches", "subject-match")
BUNDLES = (b"file:///etc/ssl/", b"file:///etc/pki/", b"file:///etc/ca-certificates/")
"""Where distributions keep all public authorities."""


def by_networkmanager(section: Any) -> bool | Unknown:
    """Return whether a profile checks the server, by its section `802-1x`.

    The access point chooses among the methods that the profile allows, so the worst one counts.
    """
    methods = section.get("eap") if isinstance(section, Mapping) else None
    if not isinstance(methods, list | tuple) or not methods:
        return UNKNOWN
    answers = {_by_method(str(method), section) for method in methods}
    if False in answers:
        return False
    return UNKNOWN if UNKNOWN in answers else True


def _by_method(method: str, section: Mapping[str, Any]) -> bool | Unknown:
    if method in BY_SHARED_SECRET:
        return True
    if method in ONE_SIDED:
        return False
    if method not in BY_CERTIFICATE:
        return UNKNOWN
    own = as_bytes(section.get("ca-cert")) or b""
    public = bool(section.get("system-ca-certs")) or bool(section.get("ca-path"))
    if public or own.startswith(BUNDLES):
        return any(bool(section.get(name)) for name in NAMES)
    return bool(own)


def by_supplicant(properties: Mapping[str, Any]) -> bool | Unknown:
    """Return whether a network of wpa_supplicant's checks the server, by its `Properties`."""

    def value(name: str) -> str:
        return str(properties.get(name, "")).strip('"')

    certificate = value("ca_cert")
    if certificate.startswith("/"):
        certificate = f"file://{certificate}"
    section: dict[str, Any] = {name: value(name.replace("-", "_")) for name in NAMES[:2]}
    section |= {
        "eap": value("eap").lower().split(),
        "ca-cert": certificate.encode("utf-8", "surrogateescape"),
        "ca-path": value("ca_path"),
        "altsubject-matches": value("altsubject_match"),
        "subject-match": value("subject_match"),
    }
    return by_networkmanager(section)


def by_iwd(content: bytes) -> bool | Unknown:
    """Return whether a network's file of iwd's has the server checked."""
    lines = content.decode("utf-8", "replace").splitlines()
    pairs = (line.partition("=") for line in lines if not line.lstrip().startswith("#"))
    settings = {name.strip(): value.strip() for name, separator, value in pairs if separator}
    method = settings.get("EAP-Method", "").lower()
    if method in BY_SHARED_SECRET:
        return True
    if method in ONE_SIDED:
        return False
    if method not in BY_CERTIFICATE:
        return UNKNOWN
    return bool(settings.get(f"EAP-{method.upper()}-CACert"))
