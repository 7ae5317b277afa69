"""Passwords and their second step: what counts, how often, and what nobody may learn."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pyotp
import pytest

from passmuster_server.accounts import credentials
from passmuster_server.accounts.credentials import CredentialError
from passmuster_server.accounts.service import create_administrator
from passmuster_server.database import Database
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support import example_database
from tests.support.clocked_server import ClockedServer, clocked_server

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
IT = "it@example.com"
PASSWORD = "ferry lantern quartz"
WHO = (DEFAULT_ORGANISATION, IT)


@pytest.fixture(scope="module")
def hashed() -> str:
    return credentials.hashed(PASSWORD, IT)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = example_database.create(tmp_path)
    database.write_now(lambda each: create_administrator(each, DEFAULT_ORGANISATION, IT, NOW))
    return database


def code_of(secret: str, at: datetime = NOW) -> str:
    return pyotp.TOTP(secret).at(at)


@pytest.fixture
def secret(database: Database, hashed: str) -> str:
    """The secret of an account whose second step is in force since a while."""
    begun = database.write_now(lambda each: credentials.begin(each, *WHO))
    before = NOW - timedelta(hours=1)
    code = code_of(begun.secret, before)
    database.write_now(lambda each: credentials.set_up(each, *WHO, hashed, code, before))
    return begun.secret


def uses(database: Database, code: str, at: datetime = NOW) -> bool:
    return database.write_now(lambda each: credentials.use_code(each, *WHO, code, at))


def test_a_code_counts_once(database: Database, secret: str) -> None:
    assert uses(database, code_of(secret))
    assert not uses(database, code_of(secret))


@pytest.mark.parametrize(
    ("seconds", "counts"), [(-30, True), (30, True), (-90, False), (90, False)]
)
def test_a_clock_may_be_off_by_one_code(
    database: Database, secret: str, seconds: int, counts: bool
) -> None:
    assert uses(database, code_of(secret, NOW + timedelta(seconds=seconds))) is counts


def test_an_older_code_does_not_count_after_a_newer_one(database: Database, secret: str) -> None:
    assert uses(database, code_of(secret, NOW + timedelta(seconds=30)))
    assert not uses(database, code_of(secret))


@pytest.mark.parametrize("code", ["", "000000", "12345", "abcdef", "0" * 64, "AAAAA-AAAAA"])
def test_what_is_no_code_does_not_count(database: Database, secret: str, code: str) -> None:
    if code == code_of(secret):
        pytest.skip("one in a million")
    assert not uses(database, code)


def test_a_recovery_code_counts_once(database: Database, hashed: str) -> None:
    begun = database.write_now(lambda each: credentials.begin(each, *WHO))
    codes = database.write_now(
        lambda each: credentials.set_up(each, *WHO, hashed, code_of(begun.secret), NOW)
    )
    assert len(set(codes)) == 10
    assert uses(database, codes[3].lower())
    assert not uses(database, codes[3])
    left = database.read_now(lambda connection: credentials.recovery_codes_left(connection, *WHO))
    assert left == 9


def test_nothing_is_in_force_before_a_code_was_given(database: Database, hashed: str) -> None:
    begun = database.write_now(lambda each: credentials.begin(each, *WHO))
    with pytest.raises(CredentialError, match="code is not right"):
        database.write_now(lambda each: credentials.set_up(each, *WHO, hashed, "000000x", NOW))
    assert not database.read_now(lambda connection: credentials.has_password(connection, *WHO))
    assert not uses(database, code_of(begun.secret))


@pytest.mark.parametrize(
    "password",
    ["", "short", "x" * 129, "aaaaaaaaaaaaaaaa", "it-is-it-it@example", "abababababababab"],
)
def test_a_password_that_is_easily_guessed_is_refused(password: str) -> None:
    with pytest.raises(CredentialError):
        credentials.hashed(password, IT)


def test_a_password_is_stored_as_argon2id_only(database: Database, secret: str) -> None:  # noqa: ARG001 - it is set up
    row = database.read_now(lambda connection: credentials.stored(connection, *WHO))
    assert row is not None
    assert row.password_hash.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert credentials.check_password(row, PASSWORD)
    assert not credentials.check_password(row, PASSWORD + " ")
    assert not credentials.check_password(None, PASSWORD)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ClockedServer]:
    with clocked_server(tmp_path) as running:
        yield running


@pytest.fixture
def visitor(server: ClockedServer) -> Iterator[httpx.Client]:
    with server.client() as opened:
        opened.headers["Origin"] = server.url
        yield opened


FIELD = re.compile(r'name="(form_token)" value="([^"]+)"')


def post(visitor: httpx.Client, page: str, action: str, **fields: str) -> httpx.Response:
    found = FIELD.search(visitor.get(page).text)
    assert found, f"expected a form on {page}"
    return visitor.post(action, data={found[1]: found[2], **fields})


def signed_in_by_link(server: ClockedServer, visitor: httpx.Client) -> None:
    link = server.sign_in_link(IT).partition("#")[2]
    assert post(visitor, "/sign-in", "/sign-in", link=link).status_code == 303


def with_password(server: ClockedServer, visitor: httpx.Client) -> str:
    """Set a password up and return the secret of its second step."""
    signed_in_by_link(server, visitor)
    post(visitor, "/account", "/account/second-step")
    page = visitor.get("/account").text
    found = re.search(r"<code class=\"mono\">([A-Z2-7]{32})</code>", page)
    assert found, "expected the secret beside its picture"
    code = pyotp.TOTP(found[1]).at(server.now())
    done = post(visitor, "/account", "/account/password", password=PASSWORD, code=code)
    assert "Your recovery codes" in done.text
    return found[1]


def test_an_administrator_sets_a_password_up_and_signs_in_by_it(
    server: ClockedServer, visitor: httpx.Client
) -> None:
    secret = with_password(server, visitor)
    server.ahead = timedelta(seconds=60)
    code = pyotp.TOTP(secret).at(server.now())
    with server.client() as other:
        other.headers["Origin"] = server.url
        fields = {"email": "IT@example.com", "password": PASSWORD, "code": code}
        assert post(other, "/sign-in", "/sign-in/password", **fields).status_code == 303
        assert other.get("/fleet").status_code == 200
        again = post(other, "/sign-in", "/sign-in/password", **fields)
        assert again.status_code == 403, "a code counts once"


def test_whatever_is_wrong_is_told_in_the_same_words(
    server: ClockedServer, visitor: httpx.Client
) -> None:
    secret = with_password(server, visitor)
    server.ahead = timedelta(seconds=60)
    code = pyotp.TOTP(secret).at(server.now())
    told = set()
    for fields in (
        {"email": IT, "password": "not the password", "code": code},
        {"email": IT, "password": PASSWORD, "code": "000000"},
        {"email": "nobody@example.com", "password": PASSWORD, "code": code},
        {"email": "no address", "password": PASSWORD, "code": code},
    ):
        with server.client() as other:
            other.headers["Origin"] = server.url
            answer = post(other, "/sign-in", "/sign-in/password", **fields)
        found = re.search(r'role="alert">([^<]+)<', answer.text)
        assert found
        told.add((answer.status_code, found[1]))
    assert told == {(403, "The address, the password or the code is not right.")}


def test_a_disabled_account_is_shut_out_at_once(
    server: ClockedServer, visitor: httpx.Client
) -> None:
    with_password(server, visitor)
    server.command("create-admin", "--email", "stays@example.com")
    server.command("admin", "--email", IT, "--disable")
    assert visitor.get("/fleet").status_code == 401


def test_guessing_ends_after_ten_tries(server: ClockedServer, visitor: httpx.Client) -> None:
    answers = [
        post(visitor, "/sign-in", "/sign-in/password", email=IT, password="x", code="0")
        for _ in range(11)
    ]
    assert [answer.status_code for answer in answers] == [403] * 10 + [429]
    assert int(answers[-1].headers["retry-after"]) > 0
    signed_in_by_link(server, visitor)


def test_a_new_password_ends_every_other_session(
    server: ClockedServer, visitor: httpx.Client
) -> None:
    with server.client() as other:
        other.headers["Origin"] = server.url
        link = server.sign_in_link(IT).partition("#")[2]
        post(other, "/sign-in", "/sign-in", link=link)
        another = server.command("sign-in-link", "--email", IT).stdout.split()[-1]
        post(visitor, "/sign-in", "/sign-in", link=another.partition("#")[2])
        post(visitor, "/account", "/account/second-step")
        found = re.search(r"([A-Z2-7]{32})</code>", visitor.get("/account").text)
        assert found
        code = pyotp.TOTP(found[1]).at(server.now())
        post(visitor, "/account", "/account/password", password=PASSWORD, code=code)
        assert other.get("/fleet").status_code == 401
    assert visitor.get("/fleet").status_code == 200
