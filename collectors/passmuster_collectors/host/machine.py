"""What every machine has in common: the clock, keyed hashes, the portable USB enumerator."""

import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any

from passmuster_collectors.host.answers import UsbDescription, WirelessState
from passmuster_collectors.host.base import COMPANION, Notebook, SourceMissingError, Testimonies

LEAST_KEY_BYTES = 16


class Machine:
    """The part of a machine that is the same on every system.

    `hash_key` is the organisation's, at least 16 bytes; `ValueError` for a shorter one.
    `testimonies` asks the companions, where there may be any; `notebook` keeps what readers want
    to know again.
    """

    def __init__(
        self,
        hash_key: bytes,
        testimonies: Testimonies | None = None,
        notebook: Notebook | None = None,
    ) -> None:
        if len(hash_key) < LEAST_KEY_BYTES:
            raise ValueError(f"hash_key is shorter than {LEAST_KEY_BYTES} bytes")
        self._hash_key = hash_key
        self._testimonies = testimonies
        self._notebook = notebook

    def now(self) -> datetime:
        """Return the wall clock in UTC."""
        return datetime.now(UTC)

    def testimony(self, uid: int, signal: str) -> Any:
        """Return what the companion in that user's session says now of a signal."""
        if self._testimonies is None:
            raise SourceMissingError(COMPANION, "none is listened to")
        return self._testimonies.testimony(uid, signal)

    def recall(self, name: str) -> Any:
        """Return what a reader kept under the name; None where nothing was."""
        return None if self._notebook is None else self._notebook.recall(name)

    def keep(self, name: str, value: Any) -> None:
        """Keep plain JSON under the name, where there is a notebook."""
        if self._notebook is not None:
            self._notebook.keep(name, value)

    def is_encrypted_folder(self, path: str) -> bool:
        """Raise `SourceMissingError`: only Linux has this source."""
        raise SourceMissingError(path, "not on this system")

    def wireless_state(self, interface: str) -> WirelessState:  # noqa: ARG002 - Linux answers it
        """Raise `SourceMissingError`: only Linux has this source."""
        raise SourceMissingError("nl80211", "not on this system")

    def outgoing_interface(self, address: str) -> str | None:  # noqa: ARG002 - as above
        """Raise `SourceMissingError`: only Linux has this source."""
        raise SourceMissingError("route lookup", "not on this system")

    def usb_devices(self) -> tuple[UsbDescription, ...]:
        """Return the attached USB devices through libusb."""
        # Loaded when it is first needed: the resident agent pays for what it reads.
        from passmuster_collectors.host import libusb  # noqa: PLC0415 - see above

        return libusb.devices()

    def keyed_hash(self, kind: str, value: bytes) -> str:
        """Return the organisation's keyed hash of a value that must not leave the laptop."""
        message = kind.encode("ascii") + b"\0" + value
        return hmac.new(self._hash_key, message, hashlib.sha256).hexdigest()[:32]
