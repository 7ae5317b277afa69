"""The public key's names: one for machines, a short one that two people compare."""

import re
from typing import Any

from joserfc.jwk import ECKey

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.enrolment import PublicKey


def generated() -> tuple[ECKey, PublicKey]:
    key = ECKey.generate_key("P-256", private=True)
    members: dict[str, Any] = key.as_dict(private=False)
    wanted = {name: members[name] for name in ("kty", "crv", "x", "y")}
    return key, codec.decode(PublicKey, wanted)


def test_the_thumbprint_is_the_one_that_a_jose_library_computes() -> None:
    key, public = generated()
    assert public.thumbprint() == key.thumbprint()


def test_the_fingerprint_is_short_stable_and_differs_between_keys() -> None:
    (_, first), (_, second) = generated(), generated()
    assert re.fullmatch(r"[A-Z2-7]{4}-[A-Z2-7]{4}-[A-Z2-7]{4}", first.fingerprint())
    assert first.fingerprint() == first.fingerprint()
    assert first.fingerprint() != second.fingerprint()
