"""TMOUT, the shell's own time-out (bash(1), zshparam(1)): what the system's start-up files set.

Nobody can read the value that a running shell has. What root's files say is what it begins with.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown

ASSIGNMENT = re.compile(
    r"""^(?P<indent>\s*)
    (?:(?P<word>export|readonly|declare|typeset)\s+(?P<options>(?:[-+]\w+\s+)*))?
    TMOUT=(?P<value>[^\s;#]*)""",
    re.VERBOSE,
)
READONLY = re.compile(r"^\s*readonly\s+(?:-\w+\s+)*(?:\w+\s+)*TMOUT\b(?!=)")
UNSET = re.compile(r"^\s*unset\s+(?:-\w+\s+)*(?:\w+\s+)*TMOUT\b")
EXPORT = re.compile(r"\s*export\s+(?:\w+\s+)*TMOUT(?:\s+\w+)*\s*;?\s*(?:#.*)?")
MENTION = re.compile(r"(?<![\w$])TMOUT\b")
NUMBER = re.compile(r"[\"']?(\d{1,9})[\"']?")


@dataclass(frozen=True)
class ShellTimeout:
    """What the files come to: `after_s` None means never. `fixed`: the user can't change it.

    `disagree`: the files set different values, of which the worst is told.
    """

    after_s: int | Unknown | None
    fixed: bool
    disagree: bool = False


def parse_tmout(files: Iterable[bytes]) -> ShellTimeout:
    """Return what the files set, in the order in which a shell reads them.

    A line that is set only on a condition, or by another variable, is unknown; zero is never.
    """
    values: list[int | Unknown | None] = []
    fixed = False
    for content in files:
        for line in content.decode("utf-8", "replace").splitlines():
            if line.lstrip().startswith("#"):
                continue
            found = ASSIGNMENT.match(line)
            if found is not None:
                values.append(_value(found))
                fixed = fixed or _makes_readonly(found)
            elif READONLY.match(line):
                fixed = True
            elif UNSET.match(line) or (MENTION.search(line) and not _exports(line)):
                values.append(UNKNOWN)
    return ShellTimeout(_worst(values), fixed and bool(values), len(set(values)) > 1)


def _value(found: re.Match[str]) -> int | Unknown | None:
    number = NUMBER.fullmatch(found["value"])
    if number is None or found["indent"]:
        return UNKNOWN
    return int(number[1]) or None


def _makes_readonly(found: re.Match[str]) -> bool:
    options = found["options"] or ""
    return found["word"] == "readonly" or any(
        option.startswith("-") and "r" in option for option in options.split()
    )


def _exports(line: str) -> bool:
    return EXPORT.fullmatch(line) is not None


def _worst(values: list[int | Unknown | None]) -> int | Unknown | None:
    if UNKNOWN in values:
        return UNKNOWN
    numbers = [value for value in values if isinstance(value, int)]
    return None if not numbers or None in values else max(numbers)
