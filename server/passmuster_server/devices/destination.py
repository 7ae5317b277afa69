"""Where a signed message says that it goes: one meant for somebody else is not taken in."""

from collections.abc import Collection
from typing import Protocol

from passmuster_collectors.contract.errors import ContractError


class Addressed(Protocol):
    """A message that a device signed together with its destination."""

    @property
    def audience(self) -> str:
        """The server's id."""

    @property
    def method(self) -> str:
        """The HTTP method."""

    @property
    def url(self) -> str:
        """The address, as the device knows it."""


def check_destination(
    message: Addressed, *, server: str, method: str, urls: Collection[str]
) -> None:
    """Raise `ContractError` naming what of the destination is not this server's own."""
    if message.audience != server:
        raise ContractError("audience", "is another server's")
    if message.method != method:
        raise ContractError("method", f"must be {method}")
    if message.url not in urls:
        raise ContractError("url", "is not this server's; compare its public_url")
