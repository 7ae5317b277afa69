"""The standing of every device, in memory: what lets the gate answer without a look-up.

Filled from the database at start, moved by each commit. A look at it never waits.
"""

from collections.abc import Callable, Iterable

from passmuster_server.policy.standing import Standing

Listener = Callable[[Standing | None, Standing], None]
"""Called on the event loop with a device's standing before (None: new) and after."""

RemovalListener = Callable[[Standing], None]
"""Called with the last standing of a device that is no longer enrolled."""


class Standings:
    """Every device's standing, by device and by owner."""

    def __init__(self) -> None:
        self._by_device: dict[tuple[str, str], Standing] = {}
        self._by_owner: dict[tuple[str, str], tuple[Standing, ...]] = {}
        self._listeners: list[Listener] = []
        self._removal_listeners: list[RemovalListener] = []

    def listen(self, listener: Listener, on_removal: RemovalListener | None = None) -> None:
        """Call `listener` after every change, in the order of commits; the other on removals."""
        self._listeners.append(listener)
        if on_removal is not None:
            self._removal_listeners.append(on_removal)

    def put(self, standing: Standing) -> None:
        """Replace the device's standing and tell the listeners.

        One that a later change has overtaken is left out, however late it arrives from another
        server; so is one that is known already.
        """
        key = (standing.organisation, standing.device)
        before = self._by_device.get(key)
        if before is not None and (standing.order < before.order or standing == before):
            return
        self._put(before, standing)

    def replace(self, standing: Standing) -> None:
        """Replace the device's standing even by an earlier one: the database itself went back."""
        before = self._by_device.get((standing.organisation, standing.device))
        if standing != before:
            self._put(before, standing)

    def _put(self, before: Standing | None, standing: Standing) -> None:
        key = (standing.organisation, standing.device)
        if before is not None and before.owner != standing.owner:
            self._leave(before)
        self._by_device[key] = standing
        owner = (standing.organisation, _folded(standing.owner))
        owned = self._by_owner.get(owner, ())
        if any(each.device == standing.device for each in owned):
            owned = tuple(standing if each.device == standing.device else each for each in owned)
        else:
            owned = (*owned, standing)
        self._by_owner[owner] = owned
        for listener in self._listeners:
            listener(before, standing)

    def devices(self) -> tuple[tuple[str, str], ...]:
        """Return every device that is known, as (organisation, device)."""
        return tuple(self._by_device)

    def remove(self, organisation: str, device: str) -> None:
        """Forget a device that is no longer enrolled."""
        standing = self._by_device.pop((organisation, device), None)
        if standing is not None:
            self._leave(standing)
            for listener in self._removal_listeners:
                listener(standing)

    def of_device(self, organisation: str, device: str) -> Standing | None:
        """Return the device's standing, or None for a device that is not enrolled."""
        return self._by_device.get((organisation, device))

    def of_owner(self, organisation: str, owner: str) -> tuple[Standing, ...]:
        """Return the standings of a person's devices; the address is compared without case."""
        return self._by_owner.get((organisation, _folded(owner)), ())

    def all(self, organisation: str) -> Iterable[Standing]:
        """Return every standing of the organisation."""
        return [item for (owner, _), item in self._by_device.items() if owner == organisation]

    def _leave(self, standing: Standing) -> None:
        """Take a device from its owner."""
        owner = (standing.organisation, _folded(standing.owner))
        owned = tuple(each for each in self._by_owner[owner] if each.device != standing.device)
        if owned:
            self._by_owner[owner] = owned
        else:
            del self._by_owner[owner]


def _folded(owner: str) -> str:
    return owner.casefold()
