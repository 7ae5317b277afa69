"""Time limits of remote desktop sessions, in milliseconds, 0 for none.

A policy of the computer counts before one of the person, and both before the settings of the
listener. At the idle limit a session is ended or only disconnected (`fResetBroken`); whoever comes
back to a disconnected one has to sign in, and a limit of its own ends it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.host.base import Host
from passmuster_collectors.host.windows_answers import Hive
from passmuster_collectors.signals import registry_settings
from passmuster_collectors.signals.idle_logoff.covering import all_of, worst
from passmuster_collectors.signals.idle_logoff.facts import Coverage, Kind, Mechanism
from passmuster_collectors.signals.inquiry import Inquiry

COMPUTER_POLICY = r"SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services"
OWN_POLICY = r"{sid}\Software\Policies\Microsoft\Windows NT\Terminal Services"
LISTENER = r"SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp"

IDLE, DISCONNECTED, ENDS = "MaxIdleTime", "MaxDisconnectionTime", "fResetBroken"
INHERITED = {
    IDLE: "fInheritMaxIdleTime",
    DISCONNECTED: "fInheritMaxDisconnectionTime",
    ENDS: "fInheritResetBroken",
}
"""At 1 the listener leaves the value to each person's account, which is not looked at."""

LONGEST_MS = 0x7FFF_FFFF


@dataclass(frozen=True)
class Limit:
    """One value as it counts: None is not set, `fixed` whether a policy sets it."""

    value: int | Unknown | None
    fixed: bool = False


@dataclass(frozen=True)
class Ending:
    """What happens to an idle session: times in seconds, None for never."""

    disconnected_s: int | Unknown | None
    ended_s: int | Unknown | None
    fixed: bool


def read_remote_limits(host: Host, inquiry: Inquiry, sids: Sequence[str]) -> Iterator[Mechanism]:
    """Yield what the limits do to the remote sessions of these people; nothing without people."""
    endings = [
        inquiry.ask(
            "remote session limits",
            partial(_ending, host, sid),
            otherwise=Ending(UNKNOWN, UNKNOWN, fixed=False),
        )
        for sid in sids
    ]
    if not endings:
        return
    fixed = all_of([ending.fixed for ending in endings])
    for kind, times in (
        (Kind.LOCK, [ending.disconnected_s for ending in endings]),
        (Kind.REMOTE_SESSION_LIMIT, [ending.ended_s for ending in endings]),
    ):
        after_s = worst(times)
        yield Mechanism(kind, after_s, Coverage.REMOTE, fixed if after_s is not None else False)


def combined(idle: Limit, disconnected: Limit, ends: Limit) -> Ending:
    """Return what three limits come to."""
    idle_s, disconnected_s = seconds(idle.value), seconds(disconnected.value)
    fixed = idle.fixed
    if idle_s is None:
        return Ending(None, None, fixed=False)
    if ends.value == 1:
        return Ending(idle_s, idle_s, fixed)
    if ends.value not in {None, 0}:
        return Ending(idle_s, UNKNOWN, fixed)
    if disconnected_s is None or UNKNOWN in {idle_s, disconnected_s}:
        return Ending(idle_s, None if disconnected_s is None else UNKNOWN, fixed)
    return Ending(idle_s, int(idle_s) + int(disconnected_s), fixed)


def seconds(milliseconds: int | Unknown | None) -> int | Unknown | None:
    """Return a limit in whole seconds, a part counted as one; 0 and absent are never."""
    if not milliseconds:
        return None
    if milliseconds == UNKNOWN or not 0 < milliseconds <= LONGEST_MS:
        return UNKNOWN
    return -(-milliseconds // 1000)


def _ending(host: Host, sid: str) -> Ending:
    return combined(*(_limit(host, sid, name) for name in (IDLE, DISCONNECTED, ENDS)))


def _limit(host: Host, sid: str, name: str) -> Limit:
    number = partial(registry_settings.number, host)
    policies = [(Hive.LOCAL_MACHINE, COMPUTER_POLICY)]
    if sid:
        policies.append((Hive.USERS, OWN_POLICY.format(sid=sid)))
    for hive, key in policies:
        value = number(hive, key, name)
        if value is not None:
            return Limit(value, fixed=True)
    if number(Hive.LOCAL_MACHINE, LISTENER, INHERITED[name]) != 0:
        return Limit(None)
    return Limit(number(Hive.LOCAL_MACHINE, LISTENER, name))
