"""What each display manager's own settings say of automatic login.

GDM: `[daemon] AutomaticLoginEnable, AutomaticLogin, TimedLoginEnable, TimedLogin` (GDM manual,
"Configuration"). SDDM and Plasma Login Manager, which is made of it: `[Autologin] User`
(sddm.conf(5)). LightDM: `[Seat:*] autologin-user, autologin-guest` (lightdm.conf.d). LXDM:
`[base] autologin`. greetd: greetd(5).
"""

from collections.abc import Callable, Iterable, Mapping

from passmuster_collectors.host.base import Host, SourceConflictError, SourceMissingError
from passmuster_collectors.signals.automatic_login.facts import LoginProgram
from passmuster_collectors.text import kconfig
from passmuster_collectors.text.kconfig import Config

PROGRAMS: Mapping[str, LoginProgram] = {
    "gdm": LoginProgram.GDM,
    "gdm3": LoginProgram.GDM,
    "sddm": LoginProgram.SDDM,
    "plasmalogin": LoginProgram.PLASMA_LOGIN,
    "lightdm": LoginProgram.LIGHTDM,
    "lxdm": LoginProgram.LXDM,
    "greetd": LoginProgram.GREETD,
    "cosmic-greeter": LoginProgram.GREETD,
}
"""Names of services, without their ending; also the beginnings of their PAM services."""

FILES: Mapping[LoginProgram, tuple[str, ...]] = {
    LoginProgram.GDM: (
        "/etc/gdm3/daemon.conf",
        "/etc/gdm3/custom.conf",
        "/etc/gdm/custom.conf",
        "/run/gdm3/custom.conf",
        "/run/gdm/custom.conf",
    ),
    LoginProgram.SDDM: ("/usr/lib/sddm/sddm.conf.d/", "/etc/sddm.conf.d/", "/etc/sddm.conf"),
    LoginProgram.PLASMA_LOGIN: ("/etc/plasmalogin.conf.d/", "/etc/plasmalogin.conf"),
    LoginProgram.LIGHTDM: (
        "/usr/share/lightdm/lightdm.conf.d/",
        "/etc/xdg/lightdm/lightdm.conf.d/",
        "/etc/lightdm/lightdm.conf.d/",
        "/etc/lightdm/lightdm.conf",
    ),
    LoginProgram.LXDM: ("/etc/lxdm/default.conf", "/etc/lxdm/lxdm.conf"),
}
"""What counts least comes first; a folder's files follow one another by name."""

GREETD_FILES = {
    "greetd": "/etc/greetd/config.toml",
    "cosmic-greeter": "/etc/greetd/cosmic-greeter.toml",
}
ACCOUNTS = "/etc/passwd"
PEOPLE = range(1000, 60_000)

MAX_FILES = 64
MAX_FILE = 262_144


def logs_in(host: Host, service: str) -> bool:
    """Return whether that display manager opens a session by itself.

    Raises `SourceError`, also for a display manager that is not known.
    """
    program = PROGRAMS.get(service)
    if program is None:
        raise SourceConflictError(service, "a display manager that is not known")
    if program is LoginProgram.GREETD:
        return parse_greetd(
            host.read_file(GREETD_FILES[service], limit=MAX_FILE), lambda: _people(host)
        )
    try:
        return RULES[program](_settings(host, FILES[program]))
    except ValueError:
        raise SourceConflictError(f"settings of {program}", "not a text") from None


def parse_gdm(config: Config) -> bool:
    """Return whether GDM logs somebody in, at once or after a while."""
    return any(
        kconfig.truth(config.value(("daemon",), switch) or "no")
        and bool(config.value(("daemon",), user))
        for switch, user in (
            ("AutomaticLoginEnable", "AutomaticLogin"),
            ("TimedLoginEnable", "TimedLogin"),
        )
    )


def parse_sddm(config: Config) -> bool:
    """Return whether SDDM logs somebody in."""
    return bool(config.value(("Autologin",), "User"))


def parse_lightdm(config: Config) -> bool:
    """Return whether LightDM logs somebody in, on any seat."""
    seats = {group for group, _ in config.entries if group and group[0].startswith("Seat")}
    return any(
        bool(config.value(seat, "autologin-user"))
        or kconfig.truth(config.value(seat, "autologin-guest") or "no")
        for seat in seats
    )


def parse_lxdm(config: Config) -> bool:
    """Return whether LXDM logs somebody in."""
    return bool(config.value(("base",), "autologin"))


RULES: Mapping[LoginProgram, Callable[[Config], bool]] = {
    LoginProgram.GDM: parse_gdm,
    LoginProgram.SDDM: parse_sddm,
    LoginProgram.PLASMA_LOGIN: parse_sddm,
    LoginProgram.LIGHTDM: parse_lightdm,
    LoginProgram.LXDM: parse_lxdm,
}


def parse_greetd(content: bytes, people: Callable[[], frozenset[str]]) -> bool:
    """Return whether greetd opens somebody's session without asking.

    That is its initial session, or a greeter that runs as one of `people` and is a desktop already.
    Raises `SourceConflictError`.
    """
    import tomllib  # noqa: PLC0415 - few laptops need it in memory

    try:
        settings = tomllib.loads(content.decode("utf-8"))
    except ValueError:
        raise SourceConflictError("greetd", "not TOML") from None
    if "initial_session" in settings:
        return True
    default = settings.get("default_session")
    if not isinstance(default, dict) or not isinstance(default.get("command"), str):
        raise SourceConflictError("greetd", "no default session")
    user = default.get("user", "greeter")
    return user in people()


def parse_people(content: bytes) -> frozenset[str]:
    """Return the names of people's accounts in passwd(5), and of root."""
    found = []
    for line in content.decode("utf-8", "replace").splitlines():
        fields = line.split(":")
        if len(fields) == 7 and fields[2].isascii() and fields[2].isdigit():
            number = int(fields[2])
            found.extend([fields[0]] if number == 0 or number in PEOPLE else [])
    if not found:
        raise SourceConflictError(ACCOUNTS, "no accounts in it")
    return frozenset(found)


def _people(host: Host) -> frozenset[str]:
    return parse_people(host.read_file(ACCOUNTS))


def _settings(host: Host, places: Iterable[str]) -> Config:
    """Return what the files come to. Raises `SourceError`, and `ValueError` for what is no text."""
    paths: list[str] = []
    for place in places:
        paths.extend(_folder(host, place) if place.endswith("/") else [place])
    if len(paths) > MAX_FILES:
        raise SourceConflictError(paths[-1], f"more than {MAX_FILES} files of settings")
    contents = [_content(host, path) for path in paths]
    return kconfig.merge([kconfig.parse(content) for content in contents])


def _folder(host: Host, place: str) -> list[str]:
    try:
        names = host.list_directory(place.rstrip("/"))
    except SourceMissingError:
        return []
    return [f"{place}{name}" for name in names]


def _content(host: Host, path: str) -> bytes:
    try:
        return host.read_file(path, limit=MAX_FILE)
    except SourceMissingError:
        return b""
