"""The few TPM 2.0 commands that a signing key needs, in bytes.

Numbers and shapes are those of the TCG TPM 2.0 Library, Part 2 (structures) and Part 3 (commands).
The library written for this (tpm2-pytss) has to be compiled against the TPM2 Software Stack.
"""

import struct
import time
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from passmuster_agent.keystore.interface import KeyStoreError
from passmuster_agent.keystore.tpm_errors import AGAIN, HANDLE, VALUE, TpmError, plain

NO_SESSIONS = 0x8001
SESSIONS = 0x8002
CREATE_PRIMARY = 0x131
CREATE = 0x153
LOAD = 0x157
SIGN = 0x15D
FLUSH_CONTEXT = 0x165
READ_PUBLIC = 0x173

OWNER = 0x40000001
NULL_HIERARCHY = 0x40000007
PASSWORD_SESSION = 0x40000009
HASH_CHECK = 0x8024

ECC, SHA256, AES, CFB, ECDSA, NULL = 0x0023, 0x000B, 0x0006, 0x0043, 0x0018, 0x0010
NIST_P256 = 0x0003

FIXED_TPM, FIXED_PARENT, MADE_INSIDE = 1 << 1, 1 << 4, 1 << 5
USER_WITH_AUTH, NO_LOCKOUT = 1 << 6, 1 << 10
RESTRICTED, DECRYPT, SIGNS = 1 << 16, 1 << 17, 1 << 18

COORDINATE = 32
TRIES = 20
AGAIN_AFTER_S = 0.1

# An empty password, in the clear: there is none to hide (Part 1, section 19.4).
_AUTHORISATION = struct.pack(">IHBH", PASSWORD_SESSION, 0, 0, 0)


class Device(Protocol):
    """What carries a command to a TPM."""

    def transmit(self, command: bytes) -> bytes:
        """Return the whole response."""


class Blob(NamedTuple):
    """A key as it leaves the TPM: TPMT_PUBLIC, and TPM2B_PRIVATE's content, which only it opens."""

    public: bytes
    private: bytes


@dataclass(frozen=True)
class Loaded:
    """A key in the TPM, by its transient handle."""

    handle: int


class Reader:
    """Takes a response apart; raises `KeyStoreError` where it ends too early."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def number(self, size: int) -> int:
        """Return an unsigned number of `size` bytes."""
        return int.from_bytes(self.take(size), "big")

    def sized(self) -> bytes:
        """Return the content of a TPM2B."""
        return self.take(self.number(2))

    def take(self, size: int) -> bytes:
        """Return the next bytes."""
        if len(self._data) < size:
            raise odd("its answer is too short")
        taken, self._data = self._data[:size], self._data[size:]
        return taken


def _parent_template() -> bytes:
    """Return the storage key below which ours lie: the same one each time it is made.

    A P-256 key with AES-128-CFB, as the TCG's provisioning guidance has it (section 7.5.1).
    """
    attributes = (
        FIXED_TPM | FIXED_PARENT | MADE_INSIDE | USER_WITH_AUTH | NO_LOCKOUT | RESTRICTED | DECRYPT
    )
    symmetric = struct.pack(">HHH", AES, 128, CFB)
    return _public(attributes, symmetric + struct.pack(">HHH", NULL, NIST_P256, NULL))


def _key_template() -> bytes:
    """Return a key that signs with ES256 and does nothing else, and never leaves this TPM."""
    attributes = FIXED_TPM | FIXED_PARENT | MADE_INSIDE | USER_WITH_AUTH | NO_LOCKOUT | SIGNS
    return _public(attributes, struct.pack(">HHHHH", NULL, ECDSA, SHA256, NIST_P256, NULL))


def _public(attributes: int, parameters: bytes) -> bytes:
    head = struct.pack(">HHIH", ECC, SHA256, attributes, 0)
    return head + parameters + sized(b"") + sized(b"")


def sized(data: bytes) -> bytes:
    """Return a TPM2B: the length in two bytes, then the data."""
    return struct.pack(">H", len(data)) + data


def create_parent(device: Device) -> Loaded:
    """Make the storage key anew from the owner's seed and return it."""
    parameters = sized(sized(b"") + sized(b"")) + sized(_parent_template()) + sized(b"")
    reader = _run(device, CREATE_PRIMARY, (OWNER,), parameters + struct.pack(">I", 0), handle=True)
    return Loaded(reader.number(4))


def create(device: Device, parent: Loaded) -> Blob:
    """Make a key inside the TPM and return it wrapped by `parent`."""
    parameters = sized(sized(b"") + sized(b"")) + sized(_key_template()) + sized(b"")
    reader = _run(device, CREATE, (parent.handle,), parameters + struct.pack(">I", 0))
    private, public = reader.sized(), reader.sized()
    return Blob(public, private)


def load(device: Device, parent: Loaded, blob: Blob) -> Loaded:
    """Load a wrapped key."""
    parameters = sized(blob.private) + sized(blob.public)
    return Loaded(_run(device, LOAD, (parent.handle,), parameters, handle=True).number(4))


def sign(device: Device, key: Loaded, digest: bytes) -> bytes:
    """Return R and S of the ES256 signature over a SHA-256 digest, 32 bytes each."""
    no_ticket = struct.pack(">HI", HASH_CHECK, NULL_HIERARCHY) + sized(b"")
    parameters = sized(digest) + struct.pack(">HH", ECDSA, SHA256) + no_ticket
    reader = _run(device, SIGN, (key.handle,), parameters)
    if (reader.number(2), reader.number(2)) != (ECDSA, SHA256):
        raise odd("its signature is of another kind")
    r, s = _coordinate(reader), _coordinate(reader)
    return r + s


def flush(device: Device, loaded: Loaded) -> None:
    """Unload a key."""
    _run(device, FLUSH_CONTEXT, (), struct.pack(">I", loaded.handle))


def exists(device: Device, handle: int) -> bool:
    """Whether the TPM keeps a key under a persistent handle."""
    try:
        _run(device, READ_PUBLIC, (), struct.pack(">I", handle))
    except TpmError as error:
        if error.code in (HANDLE, VALUE):
            return False
        raise
    return True


def point(public: bytes) -> tuple[bytes, bytes]:
    """Return the coordinates in the TPMT_PUBLIC of a key that `create` made."""
    template = _key_template()
    head, reader = template[:-4], Reader(public)
    if reader.take(len(head)) != head:
        raise odd("the key is not of the kind that was asked for")
    x, y = _coordinate(reader), _coordinate(reader)
    return x, y


def _coordinate(reader: Reader) -> bytes:
    # Some TPMs leave out leading zeros.
    value = reader.sized()
    if len(value) > COORDINATE:
        raise odd("a number is longer than P-256 has them")
    return value.rjust(COORDINATE, b"\0")


def _run(
    device: Device, code: int, handles: tuple[int, ...], parameters: bytes, *, handle: bool = False
) -> Reader:
    """Run a command and return its response's parameters, behind the handle where there is one."""
    body = b"".join(struct.pack(">I", each) for each in handles)
    if handles:
        body += struct.pack(">I", len(_AUTHORISATION)) + _AUTHORISATION
    body += parameters
    tag = SESSIONS if handles else NO_SESSIONS
    command = struct.pack(">HII", tag, 10 + len(body), code) + body
    response = _answered(device, command)
    reader = Reader(response)
    answered_tag, _, status = reader.number(2), reader.number(4), reader.number(4)
    if status:
        raise TpmError(plain(status), _NAMES[code])
    if answered_tag != tag:
        raise odd("its answer has another tag")
    before = reader.take(4) if handle else b""
    if handles:
        return Reader(before + reader.take(reader.number(4)))
    return Reader(before + response[10 + len(before) :])


def _answered(device: Device, command: bytes) -> bytes:
    """Return the response, asking again while the TPM is busy with itself."""
    tries = 1
    while True:
        response = device.transmit(command)
        busy = plain(int.from_bytes(response[6:10], "big")) in AGAIN
        if not busy or tries == TRIES:
            return response
        tries += 1
        time.sleep(AGAIN_AFTER_S)


def odd(detail: str) -> KeyStoreError:
    """Return the error for an answer that no TPM should give."""
    return KeyStoreError(f"The TPM answers oddly: {detail}.", "Tell IT, and use another tier.")


_NAMES = {
    CREATE_PRIMARY: "to make its storage key",
    CREATE: "to make a key",
    LOAD: "to load the device's key",
    SIGN: "to sign",
    FLUSH_CONTEXT: "to unload a key",
    READ_PUBLIC: "to show a key",
}
