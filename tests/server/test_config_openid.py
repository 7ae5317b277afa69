"""The table `[openid]`: every mistake by its key, and a secret that lies in a file."""

from pathlib import Path
from typing import Any

import pytest

from passmuster_server.config import Config, ConfigError
from passmuster_server.config_reading import load

ISSUER = "https://login.example.com/tenant"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text("the very secret\n", encoding="utf-8")
    path.chmod(0o640)
    return path


def loaded(secret: Path, **changed: Any) -> Config:
    table = {"issuer": ISSUER, "client_id": "passmuster", "client_secret_file": str(secret)}
    given = {key: value for key, value in {**table, **changed}.items() if value is not None}
    return load(None, {"openid": given})


def mistakes(secret: Path, **changed: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(secret, **changed)
    return list(caught.value.mistakes)


def test_without_the_table_there_is_no_such_sign_in() -> None:
    assert load(None, {}).openid is None


def test_the_secret_is_what_the_file_holds_and_is_not_shown(secret: Path) -> None:
    config = loaded(secret)
    assert config.openid is not None
    assert config.openid.client_secret == "the very secret"
    assert "the very secret" not in repr(config)


def test_the_least_is_believed_unless_the_table_says_otherwise(secret: Path) -> None:
    found = loaded(secret).openid
    assert found is not None
    assert (found.email_claim, found.groups_claim) == ("email", "groups")
    assert not found.email_always_verified
    assert not found.second_factor_by_provider
    assert found.roles == {}


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"issuer": "http://login.example.com"}, "openid.issuer"),
        ({"issuer": "login.example.com"}, "openid.issuer"),
        ({"issuer": "https://user@login.example.com"}, "openid.issuer"),
        ({"issuer": ISSUER + "?a=b"}, "openid.issuer"),
        ({"issuer": None}, "openid.issuer"),
        ({"client_id": ""}, "openid.client_id"),
        ({"client_secret": "in the file itself"}, "openid.client_secret"),
        ({"roles": {"admins": "king"}}, "openid.roles"),
        ({"roles": ["admins"]}, "openid.roles"),
        ({"second_factor": "never"}, "openid.second_factor"),
        ({"acr_values": "urn:strong"}, "openid.acr_values"),
        ({"email_always_verified": "yes"}, "openid.email_always_verified"),
        ({"colour": "blue"}, "openid.colour"),
    ],
)
def test_a_mistake_is_told_by_its_key(secret: Path, changed: dict[str, Any], key: str) -> None:
    assert [mistake.partition(":")[0] for mistake in mistakes(secret, **changed)] == [key]


def test_a_secret_that_every_user_can_read_is_refused(secret: Path) -> None:
    secret.chmod(0o644)
    assert "open to every user" in mistakes(secret)[0]


@pytest.mark.parametrize("content", ["", "\n", "two\nlines", "x" * 1025])
def test_a_file_without_one_secret_is_refused(secret: Path, content: str) -> None:
    secret.write_text(content, encoding="utf-8")
    assert "does not hold a secret" in mistakes(secret)[0]


def test_a_file_that_is_missing_is_told(secret: Path) -> None:
    secret.unlink()
    assert "missing or can't be read" in mistakes(secret)[0]
