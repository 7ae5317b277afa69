"""What locks every session of the computer, and whether locking is forbidden altogether."""

from functools import partial

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.host.base import Host
from passmuster_collectors.host.windows_answers import Hive
from passmuster_collectors.signals import registry_settings
from passmuster_collectors.signals.inquiry import Inquiry
from passmuster_collectors.signals.screen_lock.windows.timing import Cause, Seconds

SYSTEM_POLICY = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System"
INACTIVITY = "InactivityTimeoutSecs"
"""Security option "Interactive logon: Machine inactivity limit": seconds, 0 is off."""

LONGEST_INACTIVITY_S = 599_940
"""The largest value that the security option takes."""

MANAGED = r"SOFTWARE\Microsoft\PolicyManager\current\device\DeviceLock"
"""Where Windows keeps what a device management (MDM) sets: policy CSP, area DeviceLock."""

MANAGED_INACTIVITY = "MaxInactivityTimeDeviceLock"
"""Minutes from 1 to 999, 0 is off; counts only while a password is required."""

MANAGED_PASSWORD = "DevicePasswordEnabled"  # noqa: S105 - a setting's name
"""0 is required, 1 is not: the reverse of what the name says."""

LONGEST_MANAGED_MIN = 999
NO_LOCKING = "DisableLockWorkstation"


def read_inactivity(host: Host, inquiry: Inquiry) -> Cause:
    """Return the lock by the computer's own policy."""
    after_s = inquiry.ask(
        f"HKLM {INACTIVITY}",
        lambda: parse_limit(
            registry_settings.number(host, Hive.LOCAL_MACHINE, SYSTEM_POLICY, INACTIVITY),
            most=LONGEST_INACTIVITY_S,
        ),
        otherwise=UNKNOWN,
    )
    return Cause(after_s, after_s, enforced=True)


def read_managed(host: Host, inquiry: Inquiry) -> Cause:
    """Return the lock that a device management demands."""
    number = partial(registry_settings.number, host, Hive.LOCAL_MACHINE, MANAGED)

    def after_s() -> Seconds:
        minutes = parse_limit(number(MANAGED_INACTIVITY), most=LONGEST_MANAGED_MIN)
        if minutes is None or number(MANAGED_PASSWORD) != 0:
            return None
        return minutes * 60 if isinstance(minutes, int) else minutes

    found = inquiry.ask(f"HKLM {MANAGED_INACTIVITY}", after_s, otherwise=UNKNOWN)
    return Cause(found, found, enforced=True)


def read_locking_forbidden(host: Host, inquiry: Inquiry, sid: str) -> bool | Unknown:
    """Return whether a policy forbids locking, for the computer or for this person."""
    answers: list[bool | Unknown] = [
        inquiry.ask(
            f"{hive} {NO_LOCKING}",
            partial(_is_set, host, hive, key),
            otherwise=UNKNOWN,
        )
        for hive, key in ((Hive.LOCAL_MACHINE, SYSTEM_POLICY), (Hive.USERS, own_policy(sid)))
    ]
    if True in answers:
        return True
    return UNKNOWN if UNKNOWN in answers else False


def own_policy(sid: str) -> str:
    """Return the key of a person's own system policies."""
    return rf"{sid}\Software\Microsoft\Windows\CurrentVersion\Policies\System"


def parse_limit(value: int | None, *, most: int) -> Seconds:
    """Return a limit as it is meant: absent and 0 are never, what can't be set is unknown."""
    if not value:
        return None
    return value if 0 < value <= most else UNKNOWN


def _is_set(host: Host, hive: Hive, key: str) -> bool | Unknown:
    value = registry_settings.number(host, hive, key, NO_LOCKING)
    return UNKNOWN if value not in {None, 0, 1} else value == 1
