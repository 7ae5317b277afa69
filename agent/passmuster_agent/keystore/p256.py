"""P-256 keys as `cryptography` makes them, in the shapes of JOSE."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from passmuster_collectors.contract.canonical import base64url
from passmuster_collectors.contract.enrolment import PublicKey

COORDINATE_BYTES = 32


def generate() -> ec.EllipticCurvePrivateKey:
    """Return a new key from the system's random source."""
    return ec.generate_private_key(ec.SECP256R1())


def to_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the key as unencrypted PKCS #8 (RFC 5958) in PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def from_pem(data: bytes) -> ec.EllipticCurvePrivateKey:
    """Return the key in `data`. Raises `ValueError` where it is no P-256 key."""
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except (TypeError, UnsupportedAlgorithm):
        raise ValueError("not an unencrypted key") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("not a P-256 key")  # noqa: TRY004 - the content is wrong, not a type
    return key


def public_key(key: ec.EllipticCurvePrivateKey) -> PublicKey:
    """Return the public half as a JSON Web Key."""
    numbers = key.public_key().public_numbers()
    x, y = (
        base64url(number.to_bytes(COORDINATE_BYTES, "big")) for number in (numbers.x, numbers.y)
    )
    return PublicKey("EC", "P-256", x, y)


def sign(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    """Return R and S of the ES256 signature, 32 bytes each (RFC 7518, section 3.4)."""
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(COORDINATE_BYTES, "big") + s.to_bytes(COORDINATE_BYTES, "big")
