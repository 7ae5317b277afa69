"""Which subjects match (SSF 1.0, section 8.1.3.1)."""

from typing import Any

import pytest

from passmuster_server.ssf.subjects import checked_subject, matches

ISSUER = "https://passmuster.example.com"
ANA = {"format": "email", "email": "ana@example.com"}
ANA_SUB = {"format": "iss_sub", "iss": ISSUER, "sub": "ana@example.com"}
BO = {"format": "email", "email": "bo@example.com"}
LAPTOP = {"format": "opaque", "id": "device-1"}
LAPTOP_SUB = {"format": "iss_sub", "iss": ISSUER, "sub": "device-1"}
TENANT = {"format": "opaque", "id": "a-tenant"}


def complex_subject(**members: Any) -> dict[str, Any]:
    return {"format": "complex", **members}


@pytest.mark.parametrize(
    "subject",
    [
        ANA,
        {"format": "email", "email": "ANA@Example.com"},
        ANA_SUB,
        LAPTOP,
        LAPTOP_SUB,
        complex_subject(user=ANA),
        complex_subject(user=ANA_SUB, device=LAPTOP),
        complex_subject(device=LAPTOP_SUB, tenant=TENANT),
    ],
)
def test_names_of_anas_laptop_match_it(subject: dict[str, Any]) -> None:
    assert matches(checked_subject(subject), "ana@example.com", "device-1", ISSUER)


@pytest.mark.parametrize(
    "subject",
    [
        BO,
        {"format": "iss_sub", "iss": "https://other.example", "sub": "ana@example.com"},
        {"format": "opaque", "id": "device-2"},
        {"format": "account", "uri": "acct:ana@example.com"},
        complex_subject(user=BO),
        complex_subject(user=ANA, device={"format": "opaque", "id": "device-2"}),
        complex_subject(user=BO, device=LAPTOP),
        complex_subject(tenant=TENANT),
    ],
)
def test_other_names_do_not(subject: dict[str, Any]) -> None:
    assert not matches(checked_subject(subject), "ana@example.com", "device-1", ISSUER)
