"""Which template a text was made from, and what was filled in."""

import re
import string
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache

MAX_RENDERED = 1_024
"""A longer text is nobody's sentence: it is not looked at."""
QUOTE = "“"


class Templates:
    """English templates, of `str.format`; those with the most words of their own come first."""

    def __init__(self, templates: Iterable[str]) -> None:
        with_places = [each for each in templates if placeholders(each)]
        with_places.sort(key=lambda each: (-len(_literals(each)), each))
        self._templates = tuple(with_places)

    def matches(self, text: str) -> Iterator[tuple[str, Mapping[str, str]]]:
        """Yield each template that `text` can come from, with what was filled in."""
        for template in self._templates:
            found = _pattern(template).fullmatch(text)
            if found is not None:
                yield template, found.groupdict()


def placeholders(template: str) -> frozenset[str]:
    """Return the names of what is to be filled in."""
    return frozenset(name for _, name, _, _ in string.Formatter().parse(template) if name)


def is_name(name: str, template: str) -> bool:
    """Return whether what stands in that place is no word, but what something is called."""
    return name in NAMED or name in quoted(template)


@cache
def quoted(template: str) -> frozenset[str]:
    """Return the names of what stands in quotation marks: what it is called is nobody's words."""
    parsed = [(literal, name) for literal, name, _, _ in string.Formatter().parse(template) if name]
    plain = {name for literal, name in parsed if not literal.endswith(QUOTE)}
    return placeholders(template) - plain


def stays(value: str, name: str, template: str) -> bool:
    """Return whether that value can stay as it is in that place of a sentence in any language.

    What is quoted can: a stick or a folder is called as it pleases. Elsewhere it has to be what the
    place is for. A word of a sentence that no template has would leave it half in English.
    """
    return name in quoted(template) or (name in PLACES and PLACES[name](value))


def _is_number(value: str) -> bool:
    return re.fullmatch(r"[0-9]{1,9}", value) is not None


def _is_word(value: str) -> bool:
    return re.fullmatch(r"\S+", value) is not None


def _is_name(value: str) -> bool:
    """Whether each of its words is written as a name is: not in small letters alone."""
    words = value.split(" ")
    return _is_one_phrase(value) and not any(each == "" or each.islower() for each in words)


def _is_name_or_word(value: str) -> bool:
    return _is_name(value) or _is_word(value)


def _is_path(value: str) -> bool:
    return re.match(r"/|[A-Za-z]:", value) is not None and _is_one_phrase(value)


def _is_path_or_word(value: str) -> bool:
    return _is_path(value) or _is_word(value)


def _are_paths(value: str) -> bool:
    return all(_is_path(each) for each in value.split(", "))


def _is_one_phrase(value: str) -> bool:
    return re.search(r"[,;:.!?]\s", value) is None


def _is_anything(_: str) -> bool:
    return True


def _is_nothing(_: str) -> bool:
    return False


PLACES: Mapping[str, Callable[[str], bool]] = {
    "count": _is_number,
    "minutes": _is_number,
    "weeks": _is_number,
    "device": _is_nothing,
    "mount": _is_path,
    "mounts": _are_paths,
    "tool": _is_name,
    "desktop": _is_name_or_word,
    "security": _is_name_or_word,
    "method": _is_word,
    "minimum": _is_word,
    "ids": _is_word,
    "found": _is_nothing,
    "limit": _is_nothing,
    "kept": _is_nothing,
    "wanted": _is_nothing,
    "server": _is_word,
    "status": _is_word,
    "reason": _is_anything,
    "because": _is_anything,
    "detail": _is_anything,
    "error": _is_anything,
    "command": _is_anything,
    "problem": _is_nothing,
    "outcome": _is_nothing,
    "path": _is_path_or_word,
    "tier": _is_word,
    "tier_before": _is_word,
    "owner": _is_word,
    "server_url": _is_word,
    "url": _is_word,
    "fingerprint": _is_word,
    "replaced": _is_word,
    "group": _is_word,
    "verb": _is_word,
    "name": _is_word,
    "version": _is_word,
    "args": _is_word,
    "VERSION": _is_number,
    "MAX_BYTES": _is_number,
    "retry_after_s": _is_number,
}
"""What stays as it is in a place that is not quoted.

`found` and `limit` are lengths of time, `kept` and `wanted` known words: they are translated or not
known, as are `problem` and `outcome`. `reason` is a sentence of its own. `because`, `detail`,
`error` and `command` are what a system or a chip says of itself, in its own words.
"""


NAMED = frozenset({"tier", "tier_before", "path", "owner", "group", "verb", "name"})
"""Places of what is called the same in each language, whatever word it is otherwise."""


def _literals(template: str) -> str:
    return "".join(literal for literal, _, _, _ in string.Formatter().parse(template))


@cache
def _pattern(template: str) -> re.Pattern[str]:
    parts, seen = [], set()
    for literal, name, _, _ in string.Formatter().parse(template):
        parts.append(re.escape(literal))
        if name in seen:
            parts.append(f"(?P={name})")
        elif name:
            seen.add(name)
            parts.append(f"(?P<{name}>.*?)")
    return re.compile("".join(parts), re.DOTALL)
