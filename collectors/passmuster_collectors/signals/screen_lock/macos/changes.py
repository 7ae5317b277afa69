"""What a person may change so that the Mac locks in time: when the screen saver starts.

How soon the password is asked for takes the password itself (sysadminctl(8)), and the display's
sleep takes root: both are left to the steps that a worker is told.
"""

from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.host.base import Host
from passmuster_collectors.host.commands import Program
from passmuster_collectors.signals.change import NEVER, NOT_SET, Change
from passmuster_collectors.signals.inquiry import Inquiry
from passmuster_collectors.signals.screen_lock.idle_target import idle_target_s
from passmuster_collectors.signals.screen_lock.macos import read_display_sleep
from passmuster_collectors.signals.screen_lock.macos.managed import read_managed
from passmuster_collectors.signals.screen_lock.macos.testimony import read_personal
from passmuster_collectors.signals.screen_lock.macos.timing import lock_after

SETTING = "com.apple.screensaver idleTime"


def changes_within(host: Host, within_s: int) -> tuple[Change, ...]:
    """Return what makes the screen saver start in time. Raises `SourceError`.

    Nothing where the screen goes dark in time already: then it is the password that comes too late.
    """
    inquiry = Inquiry()
    own = read_personal(host, inquiry, host.uid)
    managed = read_managed(host, inquiry, host.account(host.uid).name)
    sleep = inquiry.ask("pmset -g custom", lambda: read_display_sleep(host), otherwise=UNKNOWN)
    grace_s = own.grace_s if isinstance(own.grace_s, int) else 0
    idle_s = own.idle_s if managed.idle_s is None else managed.idle_s
    dark_s = lock_after(idle_s, sleep, 0)
    if isinstance(dark_s, int) and dark_s + grace_s <= within_s:
        return ()
    after_s = idle_target_s(within_s, grace_s)
    return (
        Change(
            setting=SETTING,
            before={0: NEVER, UNKNOWN: NOT_SET}.get(idle_s, str(idle_s)),
            after=str(after_s),
            program=Program.DEFAULTS,
            arguments=("-currentHost", "write", *SETTING.split(), "-int", str(after_s)),
            environment={},
            locked=managed.idle_s is not None,
        ),
    )
