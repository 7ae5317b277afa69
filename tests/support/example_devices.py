"""Rows of laptops, for tests of what is stored beside them."""

from datetime import datetime

from passmuster_collectors.contract.platform import Platform
from passmuster_server.database import Transaction
from passmuster_server.devices.tables import devices
from passmuster_server.policy.standing import DeviceStatus
from passmuster_server.schema import DEFAULT_ORGANISATION


def insert_device(transaction: Transaction, name: str, *, enrolled_at: datetime) -> None:
    """Enrol `name`, a Linux laptop of the default group, whose owner has the same name."""
    transaction.connection.execute(
        devices.insert().values(
            organisation_id=DEFAULT_ORGANISATION,
            device_id=name,
            owner=f"{name.title()}@example.com",
            computer_name=f"{name}-laptop",
            platform=Platform.LINUX.value,
            system="Debian GNU/Linux 12",
            agent_version="0.1.0",
            public_key=b"key",
            thumbprint=name,
            fingerprint=name,
            tier="file",
            status=DeviceStatus.ACTIVE.value,
            enrolled_at=enrolled_at,
        )
    )
