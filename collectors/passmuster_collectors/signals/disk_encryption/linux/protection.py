"""What stands between data at rest and whoever holds the disk."""

from collections.abc import Iterable
from dataclasses import dataclass

from passmuster_collectors.contract.reading import Source
from passmuster_collectors.host.base import SourceError
from passmuster_collectors.signals.disk_encryption.facts import Method, State

WORST_FIRST = (
    State.UNENCRYPTED,
    State.KEY_EXPOSED,
    State.SUSPENDED,
    State.DECRYPTING,
    State.UNKNOWN,
    State.ENCRYPTING,
    State.ENCRYPTED,
)
"""A volume is as good as its worst leg. What is certainly bad goes before what is not known."""


@dataclass(frozen=True)
class Protection:
    """How what is written to one place rests.

    `state` is None where nothing comes to rest: it stays in memory, or can't be written. `crypts`
    are the kernel names of the outermost encrypting devices on the way down, `disks` those of the
    hardware at its end, of which `removable` ones can be pulled out. `why` are the sources that
    left an unknown state unknown.
    """

    state: State | None
    method: Method = Method.NONE
    crypts: frozenset[str] = frozenset()
    disks: frozenset[str] = frozenset()
    removable: frozenset[str] = frozenset()
    why: tuple[Source, ...] = ()

    @property
    def is_on_removable_disks_only(self) -> bool:
        """Whether all of it can be pulled out."""
        return bool(self.disks) and self.disks == self.removable


NOT_AT_REST = Protection(None)
FOLDER_ENCRYPTED = Protection(State.ENCRYPTED, Method.OTHER)


def unknown(
    error: SourceError, under: Protection = NOT_AT_REST, method: Method = Method.OTHER
) -> Protection:
    """Return the protection of which a source did not let itself be read."""
    return Protection(
        State.UNKNOWN, method, disks=under.disks, removable=under.removable, why=(error.source(),)
    )


def weakest(legs: Iterable[Protection]) -> Protection:
    """Return the protection of data that is spread over `legs`: all of them count, never any.

    Without a leg, or where every leg is memory, nothing comes to rest.
    """
    at_rest = [leg for leg in legs if leg.state is not None]
    states = {leg.state for leg in at_rest}
    state = next((state for state in WORST_FIRST if state in states), None)
    methods = {leg.method for leg in at_rest if leg.state is not State.UNENCRYPTED}
    if state is None or state is State.UNENCRYPTED:
        method = Method.NONE
    else:
        method = methods.pop() if len(methods) == 1 else Method.OTHER
    return Protection(
        state,
        method,
        frozenset().union(*(leg.crypts for leg in at_rest)),
        frozenset().union(*(leg.disks for leg in at_rest)),
        frozenset().union(*(leg.removable for leg in at_rest)),
        # Where one leg is known to be bad, it does not matter what another one is.
        sum((leg.why for leg in at_rest), ()) if state is State.UNKNOWN else (),
    )
