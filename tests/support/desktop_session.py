"""A desktop session that python-dbusmock's logind tells of."""

from dataclasses import dataclass

from tests.support.message_bus import Mocked, Variant

LOGIN = "org.freedesktop.login1"
SESSION = f"{LOGIN}.Session"


@dataclass(frozen=True)
class DesktopSession:
    """One open session."""

    logind: Mocked
    path: str

    def lock(self, *, locked: bool) -> None:
        """Lock or unlock it, and say so as the desktop does."""
        self.logind.set(SESSION, "LockedHint", Variant("b", locked), path=self.path)


def log_in(logind: Mocked, user: int = 0) -> DesktopSession:
    """Open a graphical session of `user`, not locked, and say so as logind does."""
    path = str(logind.mock("AddSession", "ssusb", "c1", "seat0", user, "ana", True))
    known = logind.call("org.freedesktop.DBus.Properties", "GetAll", "s", SESSION, path=path)
    for name, value in (
        ("Type", Variant("s", "wayland")),
        ("Class", Variant("s", "user")),
        ("State", Variant("s", "active")),
        ("Desktop", Variant("s", "sway")),
        ("LockedHint", Variant("b", False)),
    ):
        if name in known:
            logind.set(SESSION, name, value, path=path)
        else:
            logind.mock("AddProperty", "ssv", SESSION, name, tuple(value), path=path)
    arguments = [("s", "c1"), ("o", path)]
    logind.mock("EmitSignal", "sssav", f"{LOGIN}.Manager", "SessionNew", "so", arguments)
    return DesktopSession(logind, path)
