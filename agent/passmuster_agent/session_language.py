"""The language of the session that a command or the companion runs in."""

import locale
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from passmuster_agent.windows.ui_language import FUNCTIONS
from passmuster_collectors.host.dll import load
from passmuster_collectors.languages import Language, chosen

VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")
"""The first that is set counts (POSIX.1-2024, 8.2); `LANGUAGE` of gettext goes before them."""
PREFERENCES = Path("Library") / "Preferences" / ".GlobalPreferences.plist"


def session_language() -> Language:
    """Return the language in which to speak to this session's user; English where it isn't told."""
    if sys.platform == "win32":
        return chosen(_of_windows())
    return chosen(of_environment(os.environ) or (_of_macos() if sys.platform == "darwin" else ""))


def of_environment(environment: Mapping[str, str]) -> str:
    """Return what the variables of a POSIX session ask for, as `chosen` takes it."""
    locale_name = next((environment[name] for name in VARIABLES if environment.get(name)), "")
    plain = _without_encoding(locale_name)
    if plain in ("", "C", "POSIX"):
        # gettext asks `LANGUAGE` only where the locale is another one than C.
        return ""
    several = environment.get("LANGUAGE", "").split(":")
    return ",".join([_without_encoding(each) for each in several if each] + [plain])


def of_preferences(path: Path) -> str:
    """Return what a Mac's preferences ask for (`AppleLanguages`), as `chosen` takes it.

    Nothing where the file can't be read or is none: what is said is worth more than its language.
    """
    from passmuster_collectors.text import plist  # noqa: PLC0415 - a Mac alone needs its parser

    try:
        preferences = plist.parse(path.read_bytes())
    except (OSError, plist.PlistError):
        return ""
    asked = preferences.get("AppleLanguages") if isinstance(preferences, dict) else None
    return ",".join(str(each) for each in asked) if isinstance(asked, list) else ""


def _of_macos() -> str:
    try:
        home = Path.home()
    except RuntimeError:
        return ""
    return of_preferences(home / PREFERENCES)


def _of_windows() -> str:
    try:
        number = load(*FUNCTIONS)["GetUserDefaultUILanguage"]()
    except OSError:
        return ""
    return locale.windows_locale.get(number, "")


def _without_encoding(locale_name: str) -> str:
    return locale_name.partition(".")[0].partition("@")[0]
