"""ES256 by the OpenSSL that Python's own `ssl` has loaded, for a process that signs once and ends.

`cryptography` brings an OpenSSL of its own: 10 MiB and 40 ms of a core beside the one that the
reporter has anyway, for its connection. Only functions are used that OpenSSL 3 documents: EVP_*,
PEM_*, d2i_* of man section 3.
"""

import ctypes
from ctypes import POINTER, byref, c_char_p, c_int, c_long, c_size_t, c_void_p
from typing import Any

CURVE = b"prime256v1"
"""OpenSSL's name of P-256 (RFC 8422, appendix A)."""

COORDINATE_BYTES = 32
MAX_SIGNATURE = 128
"""More than the 72 bytes that a signature of two such numbers has in DER."""

FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "BIO_new_mem_buf": (c_void_p, (c_char_p, c_int)),
    "BIO_free": (c_int, (c_void_p,)),
    "PEM_read_bio_PrivateKey": (c_void_p, (c_void_p, c_void_p, c_void_p, c_char_p)),
    "EVP_PKEY_get_group_name": (c_int, (c_void_p, c_char_p, c_size_t, c_void_p)),
    "EVP_PKEY_free": (None, (c_void_p,)),
    "EVP_MD_CTX_new": (c_void_p, ()),
    "EVP_MD_CTX_free": (None, (c_void_p,)),
    "EVP_sha256": (c_void_p, ()),
    "EVP_DigestSignInit": (c_int, (c_void_p,) * 5),
    "EVP_DigestSign": (c_int, (c_void_p, c_char_p, POINTER(c_size_t), c_char_p, c_size_t)),
    "d2i_ECDSA_SIG": (c_void_p, (c_void_p, POINTER(c_char_p), c_long)),
    "ECDSA_SIG_get0": (None, (c_void_p, POINTER(c_void_p), POINTER(c_void_p))),
    "ECDSA_SIG_free": (None, (c_void_p,)),
    "BN_bn2binpad": (c_int, (c_void_p, c_char_p, c_int)),
    "ERR_clear_error": (None, ()),
}


def sign(pem: bytes, message: bytes) -> bytes | None:
    """Return R and S of the ES256 signature, 32 bytes each (RFC 7518, section 3.4).

    `pem` is an unencrypted P-256 key. None: there is no such library here, or it takes no such key.
    """
    library = _library()
    if library is None:
        return None
    try:
        return _Signing(library).sign(pem, message)
    finally:
        # What stays in this thread's queue would be taken for an error of the connection's.
        library.ERR_clear_error()


def _library() -> Any:
    """Return OpenSSL 3 as `ssl` loaded it; None where it is older or part of the interpreter."""
    try:
        import _ssl  # noqa: PLC0415 - a Python may come without

        # What a library was linked with is searched for its names too (dlsym(3)).
        library = ctypes.CDLL(_ssl.__file__)
        for name, (result, arguments) in FUNCTIONS.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except (AttributeError, ImportError, OSError, TypeError):
        return None
    return library


class _Signing:
    """One signature; whatever OpenSSL made for it is given back."""

    def __init__(self, library: Any) -> None:
        self._library = library

    def sign(self, pem: bytes, message: bytes) -> bytes | None:
        bio = self._library.BIO_new_mem_buf(pem, len(pem))
        if not bio:
            return None
        try:
            # An empty passphrase, or it would ask for one on the terminal.
            key = self._library.PEM_read_bio_PrivateKey(bio, None, None, b"")
        finally:
            self._library.BIO_free(bio)
        if not key:
            return None
        try:
            return self._raw(self._der(key, message)) if self._is_p256(key) else None
        finally:
            self._library.EVP_PKEY_free(key)

    def _is_p256(self, key: int) -> bool:
        name = ctypes.create_string_buffer(64)
        found = self._library.EVP_PKEY_get_group_name(key, name, len(name), None)
        return found == 1 and name.value == CURVE

    def _der(self, key: int, message: bytes) -> bytes | None:
        context = self._library.EVP_MD_CTX_new()
        if not context:
            return None
        try:
            digest = self._library.EVP_sha256()
            if self._library.EVP_DigestSignInit(context, None, digest, None, key) != 1:
                return None
            signature = ctypes.create_string_buffer(MAX_SIGNATURE)
            length = c_size_t(MAX_SIGNATURE)
            done = self._library.EVP_DigestSign(
                context, signature, byref(length), message, len(message)
            )
            return signature.raw[: length.value] if done == 1 else None
        finally:
            self._library.EVP_MD_CTX_free(context)

    def _raw(self, der: bytes | None) -> bytes | None:
        if der is None:
            return None
        parsed = self._library.d2i_ECDSA_SIG(None, byref(c_char_p(der)), len(der))
        if not parsed:
            return None
        try:
            numbers = (c_void_p(), c_void_p())
            self._library.ECDSA_SIG_get0(parsed, *(byref(each) for each in numbers))
            buffer = ctypes.create_string_buffer(COORDINATE_BYTES)
            raw = b""
            for number in numbers:
                if self._library.BN_bn2binpad(number, buffer, COORDINATE_BYTES) < 0:
                    return None
                raw += buffer.raw
            return raw
        finally:
            self._library.ECDSA_SIG_free(parsed)
