"""Who is logged in to a Mac."""

import pwd
import sys

assert sys.platform != "win32"  # noqa: S101 - the type checker reads it too


def is_logged_in(user: int) -> bool:
    """Return whether somebody of that number is, by the system's log of logins (getutxent(3))."""
    import psutil  # noqa: PLC0415 - loaded when it is first needed

    try:
        name = pwd.getpwuid(user).pw_name
    except KeyError:
        return False
    return any(each.name == name for each in psutil.users())
