"""The certificate authority that is pinned at enrolment."""

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from passmuster_agent.errors import AgentError, because

MAX_BYTES = 1_048_576


def read_authority(path: Path) -> bytes:
    """Return the certificates in a PEM file, and nothing else that may be in it.

    Raises `AgentError` where there is none.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise AgentError(f"{path} cannot be read: {because(error)}.", "Check --ca.") from None
    if len(data) > MAX_BYTES:
        raise AgentError(f"{path} is larger than {MAX_BYTES} bytes.", "Check --ca.")
    try:
        certificates = x509.load_pem_x509_certificates(data)
    except ValueError:
        raise AgentError(
            f"{path} holds no certificate in PEM form.",
            "Name the certificate of your certificate authority with --ca.",
        ) from None
    return b"".join(each.public_bytes(Encoding.PEM) for each in certificates)
