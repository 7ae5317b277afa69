"""ID tokens: which are for us, now and of this login, and what is believed of their person."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from passmuster_server.config_openid import OpenIdSettings
from passmuster_server.openid.person import (
    NEVER,
    check_token,
    completed,
    is_complete,
    person_of,
    role_of,
)
from passmuster_server.openid.provider import ProviderError

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
ISSUER = "https://login.example.com"
NONCE = "a nonce"


def settings(**changed: Any) -> OpenIdSettings:
    given: dict[str, Any] = {
        "issuer": ISSUER,
        "client_id": "passmuster",
        "client_secret": "secret",
        "email_claim": "email",
        "email_always_verified": False,
        "groups_claim": "groups",
        "roles": {"admins": "administrator", "desk": "helpdesk", "read": "viewer"},
        "second_factor_by_provider": False,
        "acr_values": (),
        **changed,
    }
    return OpenIdSettings(**given)


def claims(**changed: Any) -> Mapping[str, Any]:
    now = int(NOW.timestamp())
    said = {
        "iss": ISSUER,
        "sub": "248289761001",
        "aud": "passmuster",
        "exp": now + 300,
        "iat": now,
        "auth_time": now - 60,
        "nonce": NONCE,
        "email": "ana@example.com",
        "email_verified": True,
        **changed,
    }
    return {name: value for name, value in said.items() if value is not None}


def seconds(by: timedelta) -> int:
    return int((NOW + by).timestamp())


def test_a_token_for_us_names_its_subject() -> None:
    assert check_token(claims(), settings(), NONCE, NOW) == "248289761001"
    assert check_token(claims(aud=["passmuster"]), settings(), NONCE, NOW)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"iss": "https://evil.example.com"}, "iss"),
        ({"iss": ISSUER + "/"}, "iss"),
        ({"aud": "another"}, "aud"),
        ({"aud": ["passmuster", "another"]}, "aud"),
        ({"aud": None}, "aud"),
        ({"azp": "another"}, "azp"),
        ({"exp": seconds(timedelta(minutes=-3))}, "exp"),
        ({"exp": None}, "exp"),
        ({"exp": "tomorrow"}, "exp"),
        ({"exp": 1e300}, "exp"),
        ({"exp": True}, "exp"),
        ({"iat": seconds(timedelta(minutes=3))}, "iat"),
        ({"iat": None}, "iat"),
        ({"nonce": "another"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"nonce": 7}, "nonce"),
        ({"sub": None}, "sub"),
        ({"sub": ""}, "sub"),
        ({"sub": "x" * 256}, "sub"),
    ],
)
def test_a_token_that_is_not_for_us_is_refused_by_the_claim(
    changed: dict[str, Any], named: str
) -> None:
    with pytest.raises(ProviderError, match=re.compile(rf"id_token: .*\b{named}\b")):
        check_token(claims(**changed), settings(), NONCE, NOW)


@pytest.mark.parametrize(
    ("changed", "address"),
    [
        ({}, "ana@example.com"),
        ({"email_verified": False}, ""),
        ({"email_verified": None}, ""),
        ({"email_verified": "true"}, ""),
        ({"email": None}, ""),
        ({"email": 7}, ""),
        ({"email": "x" * 255}, ""),
        ({"email": "ana@example.com\nroot"}, ""),
    ],
)
def test_an_address_counts_where_the_provider_vouches_for_it(
    changed: dict[str, Any], address: str
) -> None:
    assert person_of(claims(**changed), settings()).email == address


def test_it_vouches_for_the_address_in_email_and_for_no_other() -> None:
    """People choose their own `preferred_username` at many providers."""
    chosen = settings(email_claim="preferred_username")
    assert person_of(claims(preferred_username="boss@example.com"), chosen).email == ""
    told = claims(preferred_username="ana@example.com")
    assert person_of(told, chosen).email == "ana@example.com"


@pytest.mark.parametrize(
    ("token", "more", "address"),
    [
        ({}, {"email": "other@example.com", "email_verified": True}, "ana@example.com"),
        ({"email_verified": None}, {"email_verified": True}, "ana@example.com"),
        ({"email": None}, {"email_verified": True}, "ana@example.com"),
        ({"email": None, "email_verified": None}, {"email_verified": True}, "ana@example.com"),
        ({"email_verified": False}, {"email_verified": True}, ""),
        ({"email": None}, {}, ""),
        ({"email_verified": None}, {"email": None, "email_verified": True}, ""),
        ({"email": "boss@example.com", "email_verified": None}, {"email_verified": True}, ""),
        ({"email": None}, {"email": "boss@example.com", "email_verified": False}, ""),
    ],
    ids=[
        *("the token's pair", "the same address", "no address", "neither in the token"),
        *("the token's no", "told nowhere", "of no address", "of another address", "userinfo's no"),
    ],
)
def test_what_userinfo_verifies_is_the_address_that_userinfo_names(
    token: dict[str, Any], more: dict[str, Any], address: str
) -> None:
    said = {"email": "ana@example.com", **more}
    more = {name: value for name, value in said.items() if value is not None}
    told = completed(claims(**token), more, settings())
    assert person_of(told, settings()).email == address


@pytest.mark.parametrize(
    ("left_out", "rest", "complete"),
    [
        ({}, {}, True),
        ({"email": None}, {}, False),
        ({"email_verified": None}, {}, False),
        ({"email_verified": None}, {"email_always_verified": True}, True),
        ({"groups": None}, {}, False),
        ({"groups": None}, {"roles": {}}, True),
        ({"email": None}, {"email_claim": "preferred_username"}, False),
    ],
)
def test_a_token_is_complete_when_it_says_what_all_of_it_rests_on(
    left_out: dict[str, Any], rest: dict[str, Any], complete: bool
) -> None:
    said = claims(**{"groups": ["desk"], "preferred_username": "ana@example.com", **left_out})
    assert is_complete(said, settings(**rest)) is complete


def test_userinfo_adds_what_the_token_leaves_out() -> None:
    more = {"groups": ["desk"], "email": "x@y.example"}
    person = person_of(completed(claims(), more, settings()), settings())
    assert (person.groups, person.email) == (frozenset({"desk"}), "ana@example.com")


def test_how_somebody_logged_in_is_the_tokens_alone_to_say() -> None:
    """Userinfo speaks of the person, of whom some of it may be their own words."""
    chosen = settings(acr_values=("two-factors",))
    more = {"amr": ["mfa"], "acr": "two-factors", "auth_time": int(NOW.timestamp())}
    person = person_of(completed(claims(auth_time=None), more, chosen), chosen)
    assert (person.second_factor, person.logged_in_at) == (False, NEVER)


def test_it_may_say_that_a_claim_of_its_choice_is_always_verified() -> None:
    chosen = settings(email_claim="upn", email_always_verified=True)
    said = claims(upn="ana@corp.example.com", email="other@example.com", email_verified=None)
    assert person_of(said, chosen).email == "ana@corp.example.com"


def test_an_identity_is_of_one_subject_of_one_issuer() -> None:
    identity = person_of(claims(), settings()).identity
    assert person_of(claims(email="new@example.com"), settings()).identity == identity
    assert person_of(claims(sub="another"), settings()).identity != identity
    assert person_of(claims(), settings(issuer="https://other.example.com")).identity != identity


@pytest.mark.parametrize(
    ("changed", "given", "shown"),
    [
        ({}, {}, False),
        ({"amr": ["pwd"]}, {}, False),
        ({"amr": "mfa"}, {}, False),
        ({"amr": ["pwd", "mfa"]}, {}, True),
        ({"acr": "urn:strong"}, {}, False),
        ({"acr": "urn:strong"}, {"acr_values": ("urn:strong",)}, True),
        ({"acr": "urn:weak"}, {"acr_values": ("urn:strong",)}, False),
        ({}, {"second_factor_by_provider": True}, True),
    ],
)
def test_a_second_factor_has_to_be_shown(
    changed: dict[str, Any], given: dict[str, Any], *, shown: bool
) -> None:
    assert person_of(claims(**changed), settings(**given)).second_factor is shown


def test_a_login_that_nobody_dates_is_not_fresh() -> None:
    assert person_of(claims(), settings()).logged_in_at == NOW - timedelta(minutes=1)
    assert person_of(claims(auth_time=None), settings()).logged_in_at == NEVER


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        (None, None),
        ([], None),
        (["everybody"], None),
        ("desk", "helpdesk"),
        (["read", "admins", "desk"], "administrator"),
        ([7, {"desk": 1}, "read"], "viewer"),
    ],
)
def test_of_several_groups_the_strongest_role_counts(groups: object, role: str | None) -> None:
    assert role_of(person_of(claims(groups=groups), settings()), settings()) == role
