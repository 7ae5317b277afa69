"""Of a laptop without signs of an attack nobody asks the database."""

from datetime import UTC, datetime
from pathlib import Path

from passmuster_collectors.signals.usb_devices.facts import UsbDevicesFacts
from passmuster_server.alerts.suspicious_usb import put_suspicious
from passmuster_server.database import Transaction
from passmuster_server.policy.default_document import default_document
from passmuster_server.policy.document import parse
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support import example_database
from tests.support.example_readings import MOUSE, STICK, USB, reading

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)


def test_the_database_is_not_asked_where_no_device_has_signs(tmp_path: Path) -> None:
    policy = parse(default_document(), 1)
    after = reading(USB, UsbDevicesFacts((MOUSE, STICK)), NOW)

    def work(transaction: Transaction) -> bool:
        put_suspicious(transaction, policy, DEFAULT_ORGANISATION, "ana", None, after, NOW)
        return transaction.touched

    assert not example_database.create(tmp_path).write_now(work)
