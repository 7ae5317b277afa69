"""The languages that workers are spoken to in, and which of them a reader wants.

A language is one file beside this one, `<tag>.toml`, and one entry in `NAMES`. The same texts are
on the page that stops a worker, on the laptop's `status` and in its notification.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from passmuster_collectors.languages.language import Forms, Language, Singular
from passmuster_collectors.languages.templates import Templates

__all__ = ["NAMES", "Language", "chosen", "language_of"]

NAMES: Mapping[str, str] = {
    "en": "English",
    "es": "Español",
    "de": "Deutsch",
    "fr": "Français",
    "pt": "Português",
    "fil": "Filipino",
    "hi": "हिन्दी",
}
"""What each language calls itself, by its BCP 47 tag. English comes first."""
OTHER_NAMES: Mapping[str, str] = {"tl": "fil"}
"""CLDR keeps Tagalog under Filipino; browsers send either."""

SAID_AT_ONCE = frozenset(
    {
        *("pages", "gate", "proof", "my_laptops", "facts"),
        *("notification", "status", "confirm", "fix", "doctor"),
    }
)
"""Parts whose texts are filled in the reader's language and never in English first."""
PHRASES = frozenset({"filled_in", "reasons", "enroll", "device"})
"""Parts of what is filled into a sentence that is stored or composed in English."""

MAX_PREFERENCES = 512
MAX_RANGES = 16


@cache
def language_of(tag: str) -> Language:
    """Return the language that has one of the tags in `NAMES`."""
    source = files(__name__).joinpath(f"{tag}.toml").read_text(encoding="utf-8")
    data = tomllib.loads(source)
    parts = data["texts"]
    texts = {key: value for part in parts.values() for key, value in part.items()}
    stored = [part for name, part in parts.items() if name not in SAID_AT_ONCE]
    return Language(
        tag=tag,
        singular=Singular(data["singular"]),
        months=tuple(data["months"]),
        weekdays=tuple(data["weekdays"]),
        moment_format=data["moment_format"],
        units=_forms(data["units"]),
        past=_forms(data["past"]),
        future=_forms(data["future"]),
        counted=_forms(data["counted"]),
        texts=texts,
        sentences=Templates(text for part in stored for text in part),
        phrases=Templates(text for name in PHRASES for text in parts.get(name, ())),
    )


def chosen(preferences: str) -> Language:
    """Return the language that suits an `Accept-Language` header or a locale best, or English.

    Ranges are looked up as RFC 4647, section 3.4, says: `de-AT` is served by `de`. What can't be
    read is passed over.
    """
    ranges: list[tuple[float, str]] = []
    for part in preferences[:MAX_PREFERENCES].split(",")[:MAX_RANGES]:
        tag, _, parameter = part.partition(";")
        quality = _quality(parameter)
        if quality > 0:
            ranges.append((quality, tag.strip().replace("_", "-").lower()))
    # Sorting keeps the order of equals.
    for _, wanted in sorted(ranges, key=lambda item: -item[0]):
        tag = wanted
        while tag:
            known = OTHER_NAMES.get(tag, tag)
            if known in NAMES:
                return language_of(known)
            tag = tag.rpartition("-")[0]
    return language_of("en")


def _forms(table: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Forms]:
    return {key: Forms(forms["one"], forms["other"]) for key, forms in table.items()}


def _quality(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
