"""The password after a dark screen or after sleep, and when these two come.

Which settings count depends on how the computer sleeps. Modern Standby begins when the display
goes off, and the person's own delay decides from when on a password is asked for. Any other
computer asks when it wakes from sleep; a display that is merely off is no lock there.
"""

from functools import partial

from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.host.base import Host, SourceConflictError
from passmuster_collectors.host.windows_answers import Hive, PowerValue
from passmuster_collectors.signals import registry_settings
from passmuster_collectors.signals.inquiry import Inquiry
from passmuster_collectors.signals.screen_lock.windows.timing import Cause, Seconds

# Subgroups and settings of power schemes: winnt.h, and `powercfg /aliases`.
NO_SUBGROUP = "fea3413e-7e05-4911-9a71-700331f1c294"
PASSWORD_ON_WAKE = "0e796bdb-100d-47d6-a2d5-f7d2daa51f51"  # noqa: S105 - a setting's number
VIDEO = "7516b95f-f776-4464-8c53-06167f40cc99"
DISPLAY_OFF = "3c0bc021-c8a8-4e07-a973-6b14cbcb2b7e"
SLEEP = "238c9fa8-0aad-41ed-83f4-97be242c8f20"
STANDBY = "29f6c1db-86da-48c5-9fdb-f2b67b1f44da"

POLICY = r"SOFTWARE\Policies\Microsoft\Power\PowerSettings"
"""What a group policy sets in the place of the scheme: a key for each setting."""

OWN = r"{sid}\Control Panel\Desktop"
DELAY = "DelayLockInterval"
NEVER_ASKS = LARGEST = 0xFFFF_FFFF
LONGEST_DELAY_S = 30 * 86_400


def read_sign_in(host: Host, inquiry: Inquiry, sid: str, *, modern_standby: bool | None) -> Cause:
    """Return the lock by a dark screen or by sleep; `modern_standby` is None where unknown."""
    if modern_standby is None:
        return Cause(UNKNOWN, UNKNOWN, UNKNOWN)
    if modern_standby:
        return _after_the_display(host, inquiry, sid)
    return _after_sleep(host, inquiry)


def _after_the_display(host: Host, inquiry: Inquiry, sid: str) -> Cause:
    off = inquiry.ask("power scheme: display off", lambda: _setting(host, VIDEO, DISPLAY_OFF))
    delay_s = inquiry.ask(f"HKU {DELAY}", lambda: _delay(host, sid), otherwise=UNKNOWN)
    if off is None:
        return Cause(UNKNOWN, UNKNOWN, delay_s)
    return Cause(_together(off.ac, delay_s), _together(off.dc, delay_s), delay_s)


def _after_sleep(host: Host, inquiry: Inquiry) -> Cause:
    sleep = inquiry.ask("power scheme: sleep", lambda: _setting(host, SLEEP, STANDBY))
    asks = inquiry.ask(
        "power scheme: password on wake", lambda: _setting(host, NO_SUBGROUP, PASSWORD_ON_WAKE)
    )
    times = [
        _if_asked(
            UNKNOWN if sleep is None else getattr(sleep, source) or None,
            None if asks is None else getattr(asks, source),
        )
        for source in ("ac", "dc")
    ]
    return Cause(times[0], times[1])


def _together(off_s: int, delay_s: Seconds) -> Seconds:
    """Return display and delay added; a display that never goes off makes the delay moot."""
    if off_s == 0 or delay_s is None:
        return None
    return off_s + delay_s if isinstance(delay_s, int) else UNKNOWN


def _if_asked(sleep_s: Seconds, asks: int | None) -> Seconds:
    """Return when the computer sleeps, where it asks for a password afterwards."""
    if sleep_s is None or asks == 0:
        return None
    return sleep_s if asks == 1 else UNKNOWN


def _delay(host: Host, sid: str) -> Seconds:
    """Return the seconds from the dark screen to the password.

    Where nobody chose it Windows has a default of its own, which is not documented: unknown.
    """
    value = registry_settings.number(host, Hive.USERS, OWN.format(sid=sid), DELAY)
    if value is None:
        return UNKNOWN
    if value == NEVER_ASKS:
        return None
    if value > LONGEST_DELAY_S:
        raise SourceConflictError(f"HKU {DELAY}", "an impossible time")
    return value


def _setting(host: Host, subgroup: str, setting: str) -> PowerValue:
    """Return a setting as it counts: a policy's value before the scheme's."""
    number = partial(registry_settings.number, host, Hive.LOCAL_MACHINE, rf"{POLICY}\{setting}")
    mains, battery = number("ACSettingIndex"), number("DCSettingIndex")
    if mains is None or battery is None:
        scheme = host.power_setting(subgroup, setting)
        mains = scheme.ac if mains is None else mains
        battery = scheme.dc if battery is None else battery
    if max(mains, battery) > LARGEST or min(mains, battery) < 0:
        raise SourceConflictError(f"power setting {setting}", "not a number of 32 bits")
    return PowerValue(mains, battery)
