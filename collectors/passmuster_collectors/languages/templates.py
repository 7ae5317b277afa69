"""Which template a text was made from, and what was filled in."""

import re
import string
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

MAX_RENDERED = 1_024
"""A longer text is nobody's sentence: it is not looked at."""


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
