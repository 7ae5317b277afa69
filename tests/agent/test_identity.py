import json

from joserfc import jws
from joserfc.jwk import ECKey

from passmuster_agent.identity import signed
from passmuster_agent.keystore import p256
from passmuster_collectors.contract import codec

KEY = p256.generate()
COMPACT = signed(
    b'{"a":1}', kind="test+jws", key_id="device-1", sign=lambda text: p256.sign(KEY, text)
)


def test_another_library_verifies_the_signature() -> None:
    key = ECKey.import_key(codec.encode(p256.public_key(KEY)))
    assert jws.deserialize_compact(COMPACT, key, algorithms=["ES256"]).payload == b'{"a":1}'


def test_the_header_names_algorithm_key_and_type_and_nothing_else() -> None:
    header = jws.extract_compact(COMPACT.encode()).headers()
    assert header == {"alg": "ES256", "kid": "device-1", "typ": "test+jws"}


def test_there_is_no_padding() -> None:
    assert "=" not in COMPACT
    assert len(COMPACT.split(".")) == 3


def test_a_key_is_read_back_from_what_was_kept() -> None:
    kept = p256.to_pem(KEY)
    assert p256.public_key(p256.from_pem(kept)) == p256.public_key(KEY)
    assert json.dumps(codec.encode(p256.public_key(KEY))).isascii()
