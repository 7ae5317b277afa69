"""Where daemon and companion meet on each system."""

import sys
from functools import partial
from pathlib import Path

from passmuster_agent.companion.channel import Connect, Door


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
    if sys.platform == "linux":
        from passmuster_agent.companion import packets  # noqa: PLC0415 - Linux alone has them

        path = packets.daemon_socket()
        return None if path is None else packets.PacketDoor(path.with_name(packets.WINDOW))
    if sys.platform == "darwin":
        from passmuster_agent.companion import streams  # noqa: PLC0415 - macOS alone has them

        return streams.StreamDoor(streams.daemon_socket().with_name(streams.WINDOW))
    if sys.platform == "win32":
        from passmuster_agent.companion import pipes  # noqa: PLC0415 - Windows alone has them

        return pipes.daemon_door(pipes.WINDOW)
    return None


def windows() -> tuple[Connect, ...]:
    """Return how people reach what the agent of this laptop shows."""
    if sys.platform == "linux":
        from passmuster_agent.companion import packets  # noqa: PLC0415 - Linux alone has them

        path = packets.SYSTEM_SOCKET.with_name(packets.WINDOW)
        return (partial(packets.PacketChannel.connect, path),)
    if sys.platform == "darwin":
        from passmuster_agent.companion import streams  # noqa: PLC0415 - macOS alone has them

        path = streams.SYSTEM_SOCKET.with_name(streams.WINDOW)
        return (partial(streams.StreamChannel.connect, path),)
    if sys.platform == "win32":
        from passmuster_agent.companion import pipes  # noqa: PLC0415 - Windows alone has them

        return (partial(pipes.reach, f"{pipes.NAME}{pipes.WINDOW}", pipes.COMPUTERS),)
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
