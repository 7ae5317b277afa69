"""Where daemon and companion meet on each system."""

import sys
from functools import partial
from pathlib import Path

from passmuster_agent.companion.channel import Connect, Door

_WINDOW, _COUNTER = "status", "confirm"


def open_door() -> Door | None:
    """Return where the daemon of this process hears companions; None where there is no place.

    Raises `OSError`.
    """
    if sys.platform == "linux":
        from passmuster_agent.companion import packets  # noqa: PLC0415 - Linux alone has them

        path = packets.daemon_socket()
        return None if path is None else packets.PacketDoor(path)
    if sys.platform == "darwin":
        from passmuster_agent.companion import streams  # noqa: PLC0415 - macOS alone has them

        return streams.StreamDoor(streams.daemon_socket())
    if sys.platform == "win32":
        from passmuster_agent.companion import pipes  # noqa: PLC0415 - Windows alone has them

        return pipes.daemon_door()
    return None


def open_window_door() -> Door | None:
    """Return where this process shows people what the server said; None where there is no place.

    Raises `OSError`.
    """
    return _side_door(_WINDOW)


def open_counter_door() -> Door | None:
    """Return where this process hears people who confirm a browser; None as above.

    Raises `OSError`.
    """
    return _side_door(_COUNTER)


def windows() -> tuple[Connect, ...]:
    """Return how people reach what the agent of this laptop shows."""
    return _sides(_WINDOW, system_alone=True)


def counters(named: Path | None) -> tuple[Connect, ...]:
    """Return how people reach the agent to confirm a browser; `named` is the socket instead."""
    return _sides(_COUNTER) if named is None else daemons(named)


def _side_door(side: str) -> Door | None:
    """Return a door beside the one for companions."""
    if sys.platform == "linux":
        from passmuster_agent.companion import packets  # noqa: PLC0415 - Linux alone has them

        path = packets.daemon_socket()
        return None if path is None else packets.PacketDoor(path.with_name(f"{side}.sock"))
    if sys.platform == "darwin":
        from passmuster_agent.companion import streams  # noqa: PLC0415 - macOS alone has them

        return streams.StreamDoor(streams.daemon_socket().with_name(f"{side}.sock"))
    if sys.platform == "win32":
        from passmuster_agent.companion import pipes  # noqa: PLC0415 - Windows alone has them

        return pipes.daemon_door(f"-{side}")
    return None


def _sides(side: str, *, system_alone: bool = False) -> tuple[Connect, ...]:
    """Return how to reach such a door: the laptop's, then that of this user's own daemon."""
    if sys.platform == "linux":
        from passmuster_agent.companion import packets  # noqa: PLC0415 - Linux alone has them

        paths = (packets.SYSTEM_SOCKET,) if system_alone else packets.companion_sockets()
        connect = packets.PacketChannel.connect
        return tuple(partial(connect, path.with_name(f"{side}.sock")) for path in paths)
    if sys.platform == "darwin":
        from passmuster_agent.companion import streams  # noqa: PLC0415 - macOS alone has them

        paths = (streams.SYSTEM_SOCKET,) if system_alone else streams.companion_sockets()
        reach = streams.StreamChannel.connect
        return tuple(partial(reach, path.with_name(f"{side}.sock")) for path in paths)
    if sys.platform == "win32":
        from passmuster_agent.companion import pipes  # noqa: PLC0415 - Windows alone has them

        names = ((pipes.NAME, pipes.COMPUTERS),) if system_alone else pipes.daemon_pipes(None)
        return tuple(partial(pipes.reach, f"{name}-{side}", owners) for name, owners in names)
    return ()


def daemons(named: Path | None) -> tuple[Connect, ...]:
    """Return how a companion reaches its daemon: the laptop's, then its own user's.

    `named` is the socket to use instead.
    """
    if sys.platform == "linux":
        from passmuster_agent.companion import packets  # noqa: PLC0415 - Linux alone has them

        paths = packets.companion_sockets() if named is None else (named,)
        return tuple(partial(packets.PacketChannel.connect, path) for path in paths)
    if sys.platform == "darwin":
        from passmuster_agent.companion import streams  # noqa: PLC0415 - macOS alone has them

        paths = streams.companion_sockets() if named is None else (named,)
        return tuple(partial(streams.StreamChannel.connect, path) for path in paths)
    if sys.platform == "win32":
        from passmuster_agent.companion import pipes  # noqa: PLC0415 - Windows alone has them

        name = None if named is None else str(named)
        return tuple(partial(pipes.reach, *each) for each in pipes.daemon_pipes(name))
    return ()
