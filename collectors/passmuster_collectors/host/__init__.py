"""The only code that touches the operating system."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from passmuster_collectors.host.base import Host, Notebook, Testimonies


def this_host(
    hash_key: bytes,
    testimonies: "Testimonies | None" = None,
    notebook: "Notebook | None" = None,
) -> "Host":
    """Return the machine this process runs on: the only place that tells systems apart.

    `hash_key` keys the hashes of what must not leave the laptop, at least 16 bytes; `testimonies`
    asks the companions in users' sessions, `notebook` keeps what readers want to know again. Raises
    `NotImplementedError` on a system that Passmuster can't read yet.
    """
    if sys.platform == "linux":
        from passmuster_collectors.host.linux import LinuxHost  # noqa: PLC0415 - Linux alone has it

        own = LinuxHost(hash_key, testimonies, notebook)
        if own.uid == 0:
            return own
        from passmuster_collectors.host.assisted import AssistedHost  # noqa: PLC0415 - as above
        from passmuster_collectors.host.privileged.client import RootHelper  # noqa: PLC0415 - same

        return AssistedHost(own, RootHelper())
    if sys.platform == "darwin":
        from passmuster_collectors.host.macos import MacHost  # noqa: PLC0415 - macOS alone has it

        return MacHost(hash_key, testimonies)
    if sys.platform == "win32":
        from passmuster_collectors.host.windows import WindowsHost  # noqa: PLC0415 - as above

        return WindowsHost(hash_key, testimonies)
    raise NotImplementedError(f"Passmuster cannot read this system yet: {sys.platform}")
