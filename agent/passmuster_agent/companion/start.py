"""`companion`: from the command to the running process."""

import contextlib
import secrets
from pathlib import Path

from passmuster_agent.errors import ExitCode


def run(socket: Path | None) -> ExitCode:
    """Be the companion of the user who runs this, until told to end. Raises `AgentError`.

    `socket` is where the daemon listens; None looks in the usual places.
    """
    # The libraries of the other commands stay away.
    from passmuster_agent.companion import meeting, process  # noqa: PLC0415
    from passmuster_agent.companion.notification import DesktopNotification  # noqa: PLC0415
    from passmuster_agent.companion.notifier import Notifier  # noqa: PLC0415
    from passmuster_agent.interruptions import interruptions  # noqa: PLC0415
    from passmuster_collectors.host import this_host  # noqa: PLC0415
    from passmuster_collectors.host.events import session_watch  # noqa: PLC0415
    from passmuster_collectors.host.memory import use_one_arena  # noqa: PLC0415
    from passmuster_collectors.signals import CATALOG  # noqa: PLC0415

    use_one_arena()
    host = this_host(secrets.token_bytes(32))
    notifier = Notifier(DesktopNotification(host).show)
    daemons = meeting.daemons(socket)
    with interruptions() as interrupted, contextlib.closing(session_watch()) as watch:
        return process.Companion(host, CATALOG, watch, notifier, daemons).run(interrupted)
