"""What laptops reported that IT may want to allow, for programs: USB devices and networks."""

from collections.abc import Sequence
from typing import Any

from passmuster_server.api.allowances_messages import Network as ToldNetwork
from passmuster_server.api.allowances_messages import (
    NetworkList,
    UnknownUsbDevice,
    UnknownUsbDeviceList,
)
from passmuster_server.api.endpoint import PREFIX, Call, Operation
from passmuster_server.api.messages import Nothing
from passmuster_server.api.pages import PageQuery, page_of
from passmuster_server.gate.callers import FLEET_MANAGE, FLEET_READ
from passmuster_server.policy.reported import (
    ReportedNetwork,
    UnknownDevice,
    reported_networks,
    unknown_usb_devices,
)
from passmuster_server.services import Services

USB = f"{PREFIX}/usb-devices/unknown"
NETWORKS = f"{PREFIX}/networks"
MAX_LAPTOPS = 200


class Reported:
    """Reads what the laptops reported."""

    def __init__(self, services: Services) -> None:
        self._database = services.database
        self._policies = services.policies
        self._standings = services.standings
        self._public_url = services.config.public_url

    async def unknown(self, call: Call[Nothing, PageQuery, Nothing]) -> UnknownUsbDeviceList:
        """Return one page of the USB devices that keep the caller's laptops from passing."""
        policy = self._policies.current(call.organisation)
        among = [
            each.device for each in self._standings.all(call.organisation) if call.sees(each.group)
        ]
        found = await self._database.read(
            lambda connection: unknown_usb_devices(
                connection, call.organisation, policy, call.now, among
            )
        )
        page, following = page_of(
            found, lambda each: each.identity, call.query, self._public_url + USB
        )
        return UnknownUsbDeviceList([_unknown(each) for each in page], following)

    async def networks(self, call: Call[Nothing, PageQuery, Nothing]) -> NetworkList:
        """Return one page of the networks that laptops are on."""
        found = await self._database.read(
            lambda connection: reported_networks(connection, call.organisation)
        )
        page, following = page_of(
            found, lambda each: each.network, call.query, self._public_url + NETWORKS
        )
        return NetworkList([_network(each) for each in page], following)


def operations(services: Services) -> Sequence[Operation[Any, Any, Any]]:
    """Return what this part of the API can do."""
    found = Reported(services)
    reads = (FLEET_READ, FLEET_MANAGE)
    return (
        Operation(
            "listUnknownUsbDevices",
            USB,
            "USB devices that neither the policy nor an allowance knows, and whose they are",
            reads,
            Nothing,
            PageQuery,
            Nothing,
            UnknownUsbDeviceList,
            found.unknown,
        ),
        Operation(
            "listNetworks",
            NETWORKS,
            "The Wi-Fi networks that laptops are on, by their hash",
            reads,
            Nothing,
            PageQuery,
            Nothing,
            NetworkList,
            found.networks,
            of_everyone=True,
        ),
    )


def _unknown(found: UnknownDevice) -> UnknownUsbDevice:
    return UnknownUsbDevice(
        found.identity,
        found.name,
        [each.problem for each in found.findings],
        len(found.laptops),
        [each.device for each in found.laptops[:MAX_LAPTOPS]],
        found.first_seen,
        found.last_seen,
    )


def _network(found: ReportedNetwork) -> ToldNetwork:
    return ToldNetwork(found.network, list(found.security), found.laptops)
