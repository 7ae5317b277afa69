"""What a shell command does to the screen, as far as its words show it."""

import re
import shlex
from dataclasses import dataclass
from enum import Enum, auto

LONGEST = 4096
DEEPEST = 4

# Programs that lock the screen whatever their arguments are.
LOCKERS = frozenset(
    {
        "betterlockscreen",
        "gtklock",
        "hyprlock",
        "i3lock",
        "i3lock-color",
        "i3lock-fancy",
        "physlock",
        "slock",
        "swaylock",
        "swaylock-effects",
        "swaylock-fancy",
        "waylock",
        "xflock4",
        "xlock",
        "xsecurelock",
    }
)
# Programs that lock the screen when they are told to: the word that does it.
COMMANDERS = {
    "cinnamon-screensaver-command": ("-l", "--lock"),
    "dm-tool": ("lock",),
    "light-locker-command": ("-l", "--lock"),
    "mate-screensaver-command": ("-l", "--lock"),
    "xdg-screensaver": ("lock",),
    "xfce4-screensaver-command": ("-l", "--lock"),
    "xscreensaver-command": ("-lock", "--lock"),
}
LOGIND_VERBS = ("lock-session", "lock-sessions")
# Programs that have nothing to do with a lock.
HARMLESS = frozenset(
    {
        *(
            "brightnessctl",
            "light",
            "xbacklight",
            "ddcutil",
            "wlopm",
            "wlr-randr",
            "xset",
            "xrandr",
        ),
        *("swaymsg", "hyprctl", "i3-msg", "niri", "riverctl", "wlrctl"),
        *("notify-send", "dunstify", "echo", "true", "sleep", "printf", "logger"),
        *("pidof", "pgrep", "pkill", "killall", "kill", "playerctl", "pactl", "amixer"),
        *("systemctl", "openrgb", "rfkill"),
    }
)
# Programs that run the rest of their words.
RUNNERS = frozenset({"exec", "nohup", "setsid", "command", "env", "uwsm-app"})
SHELLS = frozenset({"sh", "bash", "dash", "zsh"})
RUNNING_ALREADY = frozenset({"pidof", "pgrep"})
OPERATORS = frozenset({"&&", "||", ";", "&", "|"})
ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")


class Deed(Enum):
    """What a command does."""

    LOCKS = auto()
    ASKS_LOGIND = auto()
    NOTHING = auto()
    UNCLEAR = auto()


@dataclass(frozen=True)
class LockCommand:
    """What a command does; `grace_s` is how long its lock opens without a password."""

    deed: Deed
    grace_s: int = 0


UNCLEAR = LockCommand(Deed.UNCLEAR)
NOTHING = LockCommand(Deed.NOTHING)


def parse(command: str, depth: int = 0) -> LockCommand:
    """Return what a line for the shell does. What is not certain is unclear."""
    if not command.strip():
        return NOTHING
    if len(command) > LONGEST or depth > DEEPEST or any(mark in command for mark in "`\n"):
        return UNCLEAR
    lexer = shlex.shlex(command, posix=True, punctuation_chars="&|;")
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        words = list(lexer)
    except ValueError:
        return UNCLEAR
    found: list[LockCommand] = []
    simple: list[str] = []
    before: list[tuple[LockCommand, str, str]] = []
    for word in [*words, ";"]:
        if word not in OPERATORS:
            simple.append(word)
            continue
        if simple:
            done = parse_words(simple, depth)
            found.append(done if _is_reached(before) else _doubted(done))
            before.append((done, _program(simple[0]), word))
        simple = []
    return _best(found)


def parse_words(words: list[str], depth: int = 0) -> LockCommand:
    """Return what one program with its arguments does."""
    rest = list(words)
    while rest and (ASSIGNMENT.match(rest[0]) or _program(rest[0]) in RUNNERS):
        rest.pop(0)
    if not rest:
        return NOTHING
    program, arguments = _program(rest[0]), rest[1:]
    if program in SHELLS and len(arguments) == 2 and arguments[0] in ("-c", "-lc"):
        return parse(arguments[1], depth + 1)
    if program in LOCKERS:
        return LockCommand(Deed.LOCKS, _grace(arguments))
    if program in COMMANDERS:
        asked = any(argument in COMMANDERS[program] for argument in arguments)
        return LockCommand(Deed.LOCKS) if asked else UNCLEAR
    if program == "loginctl":
        asked = any(argument in LOGIND_VERBS for argument in arguments)
        return LockCommand(Deed.ASKS_LOGIND) if asked else NOTHING
    return NOTHING if program in HARMLESS else UNCLEAR


def _program(word: str) -> str:
    return word.rpartition("/")[2]


def _grace(arguments: list[str]) -> int:
    """Return the seconds of `--grace 5` or `--grace=5`."""
    for place, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name == "--grace":
            value = value if equals else "".join(arguments[place + 1 : place + 2])
            seconds = re.fullmatch(r"(\d{1,6})(?:\.\d*)?", value)
            return int(seconds[1]) if seconds else 0
    return 0


def _is_reached(before: list[tuple[LockCommand, str, str]]) -> bool:
    """Whether the next command runs whatever became of those before it.

    `a && b` runs b only if a went well. `a || b` runs b only if a failed, which is how a locker is
    kept from running twice.
    """
    if not before:
        return True
    done, program, operator = before[-1]
    if operator == "&&":
        return done.deed in (Deed.LOCKS, Deed.ASKS_LOGIND)
    if operator == "||":
        return program in RUNNING_ALREADY
    return True


def _doubted(done: LockCommand) -> LockCommand:
    return done if done.deed is Deed.NOTHING else UNCLEAR


def _best(found: list[LockCommand]) -> LockCommand:
    for deed in (Deed.LOCKS, Deed.ASKS_LOGIND, Deed.UNCLEAR):
        for done in found:
            if done.deed is deed:
                return done
    return NOTHING
