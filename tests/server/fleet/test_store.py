"""What a page of the fleet shows beside the standings."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from passmuster_server.database import Database, Transaction
from passmuster_server.devices.tables import devices
from passmuster_server.fleet.store import About, about_each, of_fingerprint
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support import example_database
from tests.support.example_standings import NOW

FINGERPRINTS = {"device-1": "ABCD-EFGH-0001", "device-2": "ABCD-EFGH-0002"}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    created = example_database.create(tmp_path)

    def fill(transaction: Transaction) -> None:
        for device, fingerprint in FINGERPRINTS.items():
            transaction.connection.execute(
                devices.insert().values(
                    organisation_id=DEFAULT_ORGANISATION,
                    device_id=device,
                    owner="ana@example.com",
                    computer_name="ana-laptop",
                    platform="linux",
                    system=f"Debian {device}",
                    agent_version="0.1.0",
                    public_key=b"key",
                    thumbprint=device,
                    fingerprint=fingerprint,
                    tier="file",
                    status="active",
                    enrolled_at=NOW,
                )
            )

    created.write_now(fill)
    yield created
    created.dispose()


def found(database: Database, fingerprint: str) -> frozenset[str]:
    return database.read_now(
        lambda connection: of_fingerprint(connection, DEFAULT_ORGANISATION, fingerprint)
    )


def test_a_fingerprint_finds_its_laptop_however_it_is_typed(database: Database) -> None:
    assert found(database, "abcd-efgh-0002") == {"device-2"}


def test_a_part_of_a_fingerprint_finds_nothing(database: Database) -> None:
    assert found(database, "ABCD") == frozenset()


def test_each_laptop_of_a_page_has_its_system_and_whose_it_is(database: Database) -> None:
    names = ["device-2", "device-1", "erased meanwhile"]
    about = database.read_now(
        lambda connection: about_each(connection, DEFAULT_ORGANISATION, names)
    )
    assert about == {
        "device-1": About("Debian device-1", "company", "0.1.0"),
        "device-2": About("Debian device-2", "company", "0.1.0"),
    }
