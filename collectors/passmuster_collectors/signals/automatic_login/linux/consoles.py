"""Text consoles that log somebody in: how systemd would start agetty(8) on each of them."""

from typing import Any

from passmuster_collectors.host.base import Bus, Host, SourceConflictError

SYSTEMD = "org.freedesktop.systemd1"
UNITS = "/org/freedesktop/systemd1/unit"
SERVICE = "org.freedesktop.systemd1.Service"
UNIT = "org.freedesktop.systemd1.Unit"

CONSOLES = range(1, 7)
"""Those that logind(5) offers by `NAutoVTs`, six by default; a desktop takes the place of one."""

AT_START = 1
"""It is started with the system, or not at all; the others are when somebody switches to them."""

OPTION = "--autologin"
SHORTEST = len("--a")


def consoles_log_in(host: Host) -> bool:
    """Return whether a text console opens a session without a password. Raises `SourceError`.

    The command lines are those in force, with every drop-in.
    """
    return any(_logs_in(host, number) for number in CONSOLES)


def _logs_in(host: Host, number: int) -> bool:
    path = f"{UNITS}/getty_40tty{number}_2eservice"
    if not starts_with_autologin(host.bus_get(Bus.SYSTEM, SYSTEMD, path, SERVICE, "ExecStart")):
        return False
    if number != AT_START:
        return True
    state = host.bus_get(Bus.SYSTEM, SYSTEMD, path, UNIT, "ActiveState")
    return bool(state != "inactive")


def starts_with_autologin(commands: Any) -> bool:
    """Return whether one of a service's commands is told to log somebody in.

    `commands` is the property ExecStart of org.freedesktop.systemd1(5): of each command the path,
    then its arguments, then more. Raises `SourceConflictError` for anything else.
    """
    found = False
    try:
        for command in commands:
            _, arguments, *_ = command
            found = found or any(_is_autologin(each) for each in arguments[1:])
    except (TypeError, ValueError, AttributeError):
        raise SourceConflictError(SYSTEMD, "ExecStart is not a list of commands") from None
    return found


def _is_autologin(argument: str) -> bool:
    # getopt_long(3) takes the beginning of a long option for the whole; agetty has no other `--a`.
    name = argument.partition("=")[0]
    if name.startswith("--"):
        return len(name) >= SHORTEST and OPTION.startswith(name)
    return argument.startswith("-a")
