"""Which idle time to set, so that a screen locks in time."""

MINUTE = 60


def idle_target_s(within_s: int, grace_s: int = 0) -> int:
    """Return the idle time to set: whole minutes, one less than allowed where there is room.

    `grace_s` follows it before a password is asked for; a second is the least that can be set.
    """
    whole = max(MINUTE, (within_s - MINUTE) // MINUTE * MINUTE)
    return max(1, min(whole, within_s - grace_s))
