"""Two publish at the same moment at two servers on one PostgreSQL: neither undoes the other."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from passmuster_server.api import group_policy
from passmuster_server.api import policy as policy_api
from passmuster_server.clock import utc_now
from passmuster_server.database import Database
from passmuster_server.policy import publishing, store
from passmuster_server.policy.default_document import default_document
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support import example_database, postgresql
from tests.support.clocked_server import ClockedServer
from tests.support.example_readings import USB
from tests.support.running_server import free_port

WARNS = f'[signals.{USB}]\nseverity = "warn"\n'
BLOCKS = f'[signals.{USB}]\nseverity = "block"\n'
OTHERS = f"{WARNS}# Of another administrator.\n"
WRITERS = ("commits", "MainThread")
"""A server's thread that writes, and the one in which a test's commands run."""

Overtaking = Callable[[Any, str], None]


@pytest.fixture(scope="module")
def url() -> str:
    return postgresql.cluster().create_database()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, url: str) -> Iterator[ClockedServer]:
    running = ClockedServer(tmp_path_factory.mktemp("server"), free_port(), database=url)
    running.command("migrate")
    running.command(
        *("group", "add", "Manila", "--kind", "supplier"), "--owner-domain", "example.com"
    )
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def publisher(server: ClockedServer) -> Iterator[httpx.Client]:
    with server.client() as client:
        made = server.command("gate-client", "publisher", "--scope", "policy.manage").stdout
        client.headers["Authorization"] = f"Bearer {made.split()[-1]}"
        yield client


@pytest.fixture(autouse=True)
def warning(server: ClockedServer) -> None:
    server.publish_policy(WARNS)


@pytest.fixture
def overtaking(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Overtaking]:
    """Return what lets another server publish behind a writer's first call of a function."""
    other = Database(url)

    def overtake(module: Any, name: str) -> None:
        original = getattr(module, name)
        is_done = threading.Event()

        def overtaken(*arguments: Any, **named: Any) -> Any:
            result = original(*arguments, **named)
            # The other one calls it as well.
            if threading.current_thread().name in WRITERS and not is_done.is_set():
                is_done.set()
                publish_at(other)
            return result

        monkeypatch.setattr(module, name, overtaken)

    yield overtake
    other.dispose()


def publish_at(database: Database) -> None:
    def work(transaction: Any) -> None:
        connection = transaction.connection
        newest = store.newest_version(connection, DEFAULT_ORGANISATION)
        publishing.publish(
            *(connection, DEFAULT_ORGANISATION, OTHERS, "another", utc_now()), instead_of=newest
        )

    database.write_now(work)


def newest_two(server: ClockedServer) -> list[str]:
    found = server.rows("SELECT document FROM policies ORDER BY version DESC LIMIT 2")
    return [document for (document,) in found]


@pytest.mark.parametrize(
    ("module", "name"),
    [(policy_api, "check_match"), (publishing, "checked"), (store, "newest_version")],
    ids=["matched", "checked", "about to be stored"],
)
@pytest.mark.parametrize("way", ["publish", "roll back"])
def test_who_comes_second_is_told_so(
    server: ClockedServer,
    publisher: httpx.Client,
    overtaking: Overtaking,
    way: str,
    module: Any,
    name: str,
) -> None:
    there = publisher.get("/api/v1/policy")
    tag = {"If-Match": there.headers["ETag"]}
    overtaking(module, name)
    if way == "publish":
        answer = publisher.put("/api/v1/policy", json={"document": BLOCKS}, headers=tag)
    else:
        older = {"version": there.json()["version"] - 1}
        answer = publisher.post("/api/v1/policy/rollbacks", json=older, headers=tag)
    assert (answer.status_code, answer.json()["code"]) == (412, "changed")
    assert newest_two(server) == [OTHERS, WARNS]


@pytest.mark.parametrize(
    ("module", "name"),
    [(group_policy, "check_match"), (publishing, "tightened"), (store, "newest_version")],
    ids=["matched", "checked", "about to be stored"],
)
def test_so_is_who_changes_one_groups_tables(
    server: ClockedServer,
    publisher: httpx.Client,
    overtaking: Overtaking,
    module: Any,
    name: str,
) -> None:
    ((manila,),) = server.rows("SELECT group_id FROM groups WHERE name = 'Manila'")
    address = f"/api/v1/groups/{manila}/policy"
    tag = {"If-Match": publisher.get(address).headers["ETag"]}
    overtaking(module, name)
    answer = publisher.put(address, json={"tables": BLOCKS}, headers=tag)
    assert (answer.status_code, answer.json()["code"]) == (412, "changed")
    assert newest_two(server) == [OTHERS, WARNS]


@pytest.mark.parametrize(
    ("module", "name"),
    [(publishing, "checked"), (store, "newest_version")],
    ids=["checked", "about to be stored"],
)
@pytest.mark.parametrize("way", ["publish", "rollback"])
def test_so_is_who_types_a_command(
    server: ClockedServer, overtaking: Overtaking, way: str, module: Any, name: str
) -> None:
    ((first,),) = server.rows("SELECT min(version) FROM policies")
    path = server.directory / "policy.toml"
    path.write_text(BLOCKS, encoding="utf-8")
    overtaking(module, name)
    what = str(path) if way == "publish" else str(first)
    done = server.command("policy", way, what, check=False)
    assert done.returncode != 0, done.stdout
    assert "another policy was published meanwhile" in done.stderr
    assert newest_two(server) == [OTHERS, WARNS]


def test_two_about_to_store_the_same_number_leave_one(url: str) -> None:
    """The one waits for the other's commit, and sees by it that the number is given."""
    first, second = Database(url), Database(url)

    def stored(transaction: Any, version: int, document: str) -> bool:
        return store.insert_policy(
            *(transaction.connection, DEFAULT_ORGANISATION, version, document, utc_now(), "me")
        )

    def both(transaction: Any) -> tuple[bool, bool]:
        connection = transaction.connection
        version = store.newest_version(connection, DEFAULT_ORGANISATION) + 1
        earlier = second.write_now(lambda other: stored(other, version, OTHERS))
        return earlier, stored(transaction, version, BLOCKS)

    try:
        assert first.write_now(both) == (True, False)
    finally:
        first.dispose()
        second.dispose()


def test_a_new_default_is_not_put_over_what_is_published_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As when the first of several servers is exchanged by a newer version."""
    url = postgresql.cluster().create_database()
    database, other = example_database.create_at(url), Database(url)
    database.write_now(lambda each: store.publish_default(each.connection, utc_now()))

    def new_default() -> str:
        publish_at(other)
        return f"{default_document()}# Of a newer version.\n"

    monkeypatch.setattr(store, "default_document", new_default)
    try:
        database.write_now(lambda each: store.publish_default(each.connection, utc_now()))
    finally:
        other.dispose()
    rows = database.read_now(
        lambda connection: store.published_policies(connection, DEFAULT_ORGANISATION)
    )
    assert [row.document for row in rows] == [OTHERS, default_document()]
