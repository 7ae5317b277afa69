"""One RSA key for RS256 (RFC 7518, section 3.3), and how others see it.

RS256 because every other side knows it: OpenID Connect Core (section 15.1) demands it of providers,
Entra ID takes nothing else, and so does the CAEP interoperability profile, with 2048 bits or more.
"""

import base64
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from joserfc.jwk import RSAKey

from passmuster_collectors.contract.canonical import base64url

ALGORITHM = "RS256"
KEY_BITS = 2048
CERTIFICATE_LIFETIME = timedelta(days=3650)
"""The certificate says nothing that the key does not; it must only never be over before the key."""


@dataclass(frozen=True)
class StoredKey:
    """A key as it is stored: PKCS #8 and a certificate of its own, both DER.

    It signs from `used_from` (None: not yet) to `retired_at` (None: it still does).
    """

    key_id: str
    position: int
    private_key: bytes
    certificate: bytes
    published_at: datetime
    used_from: datetime | None = None
    retired_at: datetime | None = None


def generate_key(now: datetime) -> StoredKey:
    """Return a new key, which takes a tenth of a second or so; its position is not set yet."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    key_id = base64url(x509.SubjectKeyIdentifier.from_public_key(key.public_key()).digest)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Passmuster {key_id}")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + CERTIFICATE_LIFETIME)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return StoredKey(
        key_id, 0, private, certificate.public_bytes(serialization.Encoding.DER), published_at=now
    )


def usable_key(stored: StoredKey) -> RSAKey:
    """Return the key for signing and checking."""
    pem = serialization.load_der_private_key(stored.private_key, None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return RSAKey.import_key(pem, {"kid": stored.key_id, "use": "sig", "alg": ALGORITHM})


def published_key(stored: StoredKey) -> dict[str, Any]:
    """Return the public half as a JWK (RFC 7517).

    Entra ID reads the key from `x5c` (its external method provider reference says so).
    """
    public: dict[str, Any] = dict(usable_key(stored).as_dict(private=False))
    public["x5c"] = [base64.b64encode(stored.certificate).decode("ascii")]
    return public
