"""`companion`: from the command to the running process."""

import contextlib
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from passmuster_agent.errors import ExitCode

if TYPE_CHECKING:
    from passmuster_agent.companion.messages import Notice, Silenced
    from passmuster_collectors.host.base import Host


class Notification(Protocol):
    """The one notification that there is."""

    def show(self, notice: "Notice | Silenced | None") -> None:
        """Show a notice in the place of the one before, or take away what is shown."""


def run(socket: Path | None) -> ExitCode:
    """Be the companion of the user who runs this, until told to end. Raises `AgentError`.

    `socket` is where the daemon listens; None looks in the usual places.
    """
    # The libraries of the other commands stay away.
    from passmuster_agent.companion import meeting, process  # noqa: PLC0415
    from passmuster_agent.companion.notifier import Notifier  # noqa: PLC0415
    from passmuster_agent.interruptions import interruptions  # noqa: PLC0415
    from passmuster_collectors.host import this_host  # noqa: PLC0415
    from passmuster_collectors.host.events import session_watch  # noqa: PLC0415
    from passmuster_collectors.host.memory import use_one_arena  # noqa: PLC0415
    from passmuster_collectors.signals import CATALOG  # noqa: PLC0415

    use_one_arena()
    host = this_host(secrets.token_bytes(32))
    notifier = Notifier(_notification(host).show)
    daemons = meeting.daemons(socket)
    with interruptions() as interrupted, contextlib.closing(session_watch()) as watch:
        return process.Companion(host, CATALOG, watch, notifier, daemons).run(interrupted)


def _notification(host: "Host") -> "Notification":
    """Return what shows a notification on this system."""
    if sys.platform == "darwin":
        from passmuster_agent.companion.notification_macos import (  # noqa: PLC0415 - one a system
            MacNotification,
        )

        return MacNotification()
    if sys.platform == "win32":
        from passmuster_agent.companion.notification_windows import (  # noqa: PLC0415 - as above
            WindowsNotification,
        )
        from passmuster_agent.windows import balloon  # noqa: PLC0415 - as above
        from passmuster_collectors.host.dll import load  # noqa: PLC0415 - as above

        return WindowsNotification(balloon.Balloon(load(*balloon.FUNCTIONS)))
    from passmuster_agent.companion.notification import (  # noqa: PLC0415 - one a system
        DesktopNotification,
    )

    return DesktopNotification(host)
