import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from passmuster_server.database import Database, StoreUnavailableError
from passmuster_server.gate.client_store import (
    TOKEN_PREFIX,
    GateClientExistsError,
    UnknownGateClientError,
    create_client,
    revoke_client,
)
from passmuster_server.gate.clients import (
    MAX_AGE_S,
    REFRESH_AFTER_S,
    GateClients,
)
from passmuster_server.gate.tables import gate_clients
from passmuster_server.schema import DEFAULT_ORGANISATION
from passmuster_server.web.problems import RefusalError
from tests.support import example_database
from tests.support.store import everything

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)


class Ticker:
    """A monotonic clock that moves when told to."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


def create(database: Database, name: str) -> str:
    return database.write_now(lambda t: create_client(t, DEFAULT_ORGANISATION, name, NOW))


def revoke(database: Database, name: str) -> None:
    database.write_now(lambda t: revoke_client(t, DEFAULT_ORGANISATION, name, NOW))


def test_a_token_has_256_random_bits_and_only_its_hash_is_stored(tmp_path: Path) -> None:
    database = example_database.create(tmp_path)
    token = create(database, "helpdesk")
    assert token.startswith(TOKEN_PREFIX)
    assert len(token.removeprefix(TOKEN_PREFIX)) == 43, "32 bytes in base64url"
    stored = database.read_now(lambda c: c.execute(select(gate_clients)).all())
    assert len(stored) == 1
    assert token not in repr(stored)
    assert token.encode() not in everything(database.url.render_as_string(hide_password=False))


def test_a_name_is_taken_until_it_is_revoked(tmp_path: Path) -> None:
    database = example_database.create(tmp_path)
    first = create(database, "helpdesk")
    with pytest.raises(GateClientExistsError):
        create(database, "helpdesk")
    revoke(database, "helpdesk")
    assert create(database, "helpdesk") != first


def test_an_unknown_name_can_not_be_revoked(tmp_path: Path) -> None:
    database = example_database.create(tmp_path)
    with pytest.raises(UnknownGateClientError):
        revoke(database, "helpdesk")


def run(folder: Path, story: Callable[[Database, GateClients, Ticker], Any]) -> None:
    async def told() -> None:
        async with example_database.running(folder) as database:
            ticker = Ticker()
            await story(database, GateClients(database, ticker), ticker)

    asyncio.run(told())


async def refused(clients: GateClients, authorization: str | None) -> RefusalError:
    with pytest.raises(RefusalError) as refusal:
        await clients.authenticate(authorization)
    assert refusal.value.problem.status == 401
    assert refusal.value.headers["WWW-Authenticate"].startswith("Bearer")
    return refusal.value


def test_a_client_is_known_by_its_token(tmp_path: Path) -> None:
    async def story(database: Database, clients: GateClients, _: Ticker) -> None:
        token = create(database, "helpdesk")
        client = await clients.authenticate(f"Bearer {token}")
        assert (client.name, client.organisation) == ("helpdesk", DEFAULT_ORGANISATION)
        assert await clients.authenticate(f"bearer  {token} ") == client

    run(tmp_path, story)


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic dXNlcjpw",
        "Bearer x",
        "Bearer " + "x" * 300,
        "Bearer ÿ",
    ],
)
def test_everyone_else_is_refused(tmp_path: Path, authorization: str | None) -> None:
    async def story(database: Database, clients: GateClients, _: Ticker) -> None:
        create(database, "helpdesk")
        refusal = await refused(clients, authorization)
        assert refusal.problem.field == "Authorization"
        assert "x" * 300 not in refusal.problem.detail

    run(tmp_path, story)


def test_a_new_client_is_noticed_at_once(tmp_path: Path) -> None:
    async def story(database: Database, clients: GateClients, ticker: Ticker) -> None:
        await refused(clients, "Bearer nobody")
        ticker.seconds += 0.3
        await clients.authenticate(f"Bearer {create(database, 'helpdesk')}")

    run(tmp_path, story)


def test_a_revoked_client_is_out_within_seconds(tmp_path: Path) -> None:
    async def story(database: Database, clients: GateClients, ticker: Ticker) -> None:
        token = create(database, "helpdesk")
        await clients.authenticate(f"Bearer {token}")
        revoke(database, "helpdesk")
        ticker.seconds += MAX_AGE_S + 0.1
        await refused(clients, f"Bearer {token}")

    run(tmp_path, story)


def test_a_look_behind_the_scenes_keeps_the_memory_fresh(tmp_path: Path) -> None:
    async def story(database: Database, clients: GateClients, ticker: Ticker) -> None:
        token = create(database, "helpdesk")
        await clients.authenticate(f"Bearer {token}")
        revoke(database, "helpdesk")
        ticker.seconds += REFRESH_AFTER_S + 0.1
        await clients.authenticate(f"Bearer {token}")
        await asyncio.sleep(0.2)
        await refused(clients, f"Bearer {token}")

    run(tmp_path, story)


def test_guessing_does_not_reach_the_database_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(database: Database, clients: GateClients, _: Ticker) -> None:
        reads = 0
        read = database.read

        async def counted(work: Any) -> Any:
            nonlocal reads
            reads += 1
            return await read(work)

        monkeypatch.setattr(database, "read", counted)
        for number in range(50):
            await refused(clients, f"Bearer guess-{number}")
        assert reads == 1, f"50 guesses cost {reads} reads"

    run(tmp_path, story)


def test_old_knowledge_lets_nobody_in_while_the_database_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(database: Database, clients: GateClients, ticker: Ticker) -> None:
        token = create(database, "helpdesk")
        await clients.authenticate(f"Bearer {token}")

        async def away(_: Any) -> Any:
            raise StoreUnavailableError

        monkeypatch.setattr(database, "read", away)
        ticker.seconds += REFRESH_AFTER_S + 0.1
        await clients.authenticate(f"Bearer {token}")  # seconds-old knowledge still counts
        ticker.seconds += MAX_AGE_S
        with pytest.raises(StoreUnavailableError):
            await clients.authenticate(f"Bearer {token}")

    run(tmp_path, story)


def test_a_client_made_since_the_last_look_is_known(tmp_path: Path) -> None:
    async def story(database: Database, clients: GateClients, ticker: Ticker) -> None:
        await clients.authenticate(f"Bearer {create(database, 'helpdesk')}")
        ticker.seconds += 0.01
        await clients.authenticate(f"Bearer {create(database, 'keycloak')}")

    run(tmp_path, story)
