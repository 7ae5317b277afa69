"""Nonces: each is handed out once, and has enough in it that nobody can foresee."""

import base64

from passmuster_server.reports.nonces import AT_ONCE, NONCE_BYTES, Nonces


def test_no_nonce_is_handed_out_twice() -> None:
    first, second = Nonces(), Nonces()
    given = [each.next() for each in (first, second) for _ in range(3 * AT_ONCE)]
    assert len(set(given)) == 6 * AT_ONCE


def test_each_has_at_least_128_bits() -> None:
    nonces = Nonces()
    assert {len(base64.urlsafe_b64decode(nonces.next())) for _ in range(AT_ONCE + 1)} == {
        NONCE_BYTES
    }
    assert NONCE_BYTES * 8 >= 128
