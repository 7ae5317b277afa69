"""How long links and sessions last, under a clock that the test holds."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from passmuster_server.accounts.addresses import AddressError
from passmuster_server.accounts.service import (
    LINK_LIFETIME,
    AdministratorExistsError,
    LinkError,
    UnknownAdministratorError,
    create_administrator,
    create_sign_in_link,
    sign_in,
)
from passmuster_server.accounts.sessions import (
    FRESH_FOR,
    SESSION_IDLE,
    SESSION_LIFETIME,
    Session,
    find_session,
    prove_again,
    sign_out,
    touch,
)
from passmuster_server.accounts.tables import administrators
from passmuster_server.database import Database
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support import example_database

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return example_database.create(tmp_path)


def administrator(database: Database, email: str = "it@example.com") -> str:
    return database.write_now(lambda t: create_administrator(t, DEFAULT_ORGANISATION, email, NOW))


def another_link(database: Database, email: str = "it@example.com") -> str:
    return database.write_now(lambda t: create_sign_in_link(t, DEFAULT_ORGANISATION, email, NOW))


def signed_in(database: Database, link: str, at: datetime = NOW) -> str:
    return database.write_now(lambda t: sign_in(t, link, at))


def found(database: Database, token: str, at: datetime) -> Session | None:
    return database.read_now(lambda connection: find_session(connection, token, at))


def use(database: Database, session: Session, at: datetime) -> None:
    database.write_now(lambda t: touch(t, session, at))


def test_a_link_lasts_a_quarter_of_an_hour(database: Database) -> None:
    first, second = administrator(database), another_link(database)
    assert signed_in(database, first, NOW + LINK_LIFETIME - SECOND)
    with pytest.raises(LinkError, match="expired"):
        signed_in(database, second, NOW + LINK_LIFETIME)


def test_a_link_works_once(database: Database) -> None:
    link = administrator(database)
    signed_in(database, link)
    with pytest.raises(LinkError, match="used before"):
        signed_in(database, link)


@pytest.mark.parametrize("link", ["", "wrong", "x" * 43, "\udcff"])
def test_a_made_up_link_is_not_known(database: Database, link: str) -> None:
    administrator(database)
    with pytest.raises(LinkError, match="not known"):
        signed_in(database, link)


def test_a_session_knows_whose_it_is(database: Database) -> None:
    session = found(database, signed_in(database, administrator(database)), NOW)
    assert session is not None
    assert (session.email, session.organisation) == ("it@example.com", DEFAULT_ORGANISATION)


def test_a_session_ends_after_an_hour_without_use(database: Database) -> None:
    token = signed_in(database, administrator(database))
    assert found(database, token, NOW + SESSION_IDLE - SECOND) is not None
    assert found(database, token, NOW + SESSION_IDLE) is None


def test_a_session_in_use_ends_after_twelve_hours(database: Database) -> None:
    token = signed_in(database, administrator(database))
    moment = NOW
    while moment < NOW + SESSION_LIFETIME - SESSION_IDLE:
        moment += SESSION_IDLE / 2
        session = found(database, token, moment)
        assert session is not None, f"ended after {moment - NOW} of constant use"
        use(database, session, moment)
    assert found(database, token, NOW + SESSION_LIFETIME - SESSION_IDLE) is not None
    last = found(database, token, moment)
    assert last is not None
    use(database, last, NOW + SESSION_LIFETIME - SECOND)
    assert found(database, token, NOW + SESSION_LIFETIME) is None


def test_a_proof_counts_for_a_quarter_of_an_hour(database: Database) -> None:
    session = found(database, signed_in(database, administrator(database)), NOW)
    assert session is not None
    assert session.is_fresh(NOW)
    assert session.is_fresh(NOW + FRESH_FOR - SECOND)
    assert not session.is_fresh(NOW + FRESH_FOR)


def test_a_proof_from_before_a_clock_was_set_back_counts_for_nothing(database: Database) -> None:
    token = signed_in(database, administrator(database), at=NOW + timedelta(minutes=10))
    session = found(database, token, NOW)
    assert session is not None
    assert not session.is_fresh(NOW)
    database.write_now(lambda t: prove_again(t, session, NOW))
    proven = found(database, token, NOW)
    assert proven is not None
    assert proven.is_fresh(NOW), "whoever proves it once more goes on"


def test_signing_out_ends_a_session(database: Database) -> None:
    token = signed_in(database, administrator(database))
    database.write_now(lambda t: sign_out(t, token))
    assert found(database, token, NOW) is None


def test_an_administrator_who_is_disabled_is_out_at_once(database: Database) -> None:
    link, spare = administrator(database), another_link(database)
    token = signed_in(database, link)
    database.write_now(
        lambda t: t.connection.execute(update(administrators).values(disabled_at=NOW))
    )
    assert found(database, token, NOW) is None
    with pytest.raises(LinkError, match="may no longer"):
        signed_in(database, spare)
    with pytest.raises(UnknownAdministratorError):
        another_link(database)


def test_every_session_has_a_token_of_its_own(database: Database) -> None:
    first = signed_in(database, administrator(database))
    second = signed_in(database, another_link(database))
    assert first != second
    assert len(first) == 43, "32 random bytes in base64url"


def test_addresses_are_kept_without_case(database: Database) -> None:
    administrator(database, "It@Example.com ")
    with pytest.raises(AdministratorExistsError):
        administrator(database, "it@example.COM")
    assert another_link(database, "IT@EXAMPLE.COM")


@pytest.mark.parametrize("email", ["", "it", "it@", "@x", "a b@c", "a@b@c", "a\u202e@b", "<a>@b"])
def test_what_is_no_address_is_refused(database: Database, email: str) -> None:
    with pytest.raises(AddressError):
        administrator(database, email)
