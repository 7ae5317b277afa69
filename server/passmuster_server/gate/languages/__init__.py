"""The languages that workers are spoken to in, and which of them a reader wants.

A new language is a file beside this one and a line in `LANGUAGES`.
"""

from passmuster_server.gate.languages.english import ENGLISH
from passmuster_server.gate.languages.german import GERMAN
from passmuster_server.gate.languages.language import Language

__all__ = ["ENGLISH", "GERMAN", "LANGUAGES", "Language", "chosen"]

LANGUAGES = (ENGLISH, GERMAN)

MAX_PREFERENCES = 512
MAX_RANGES = 16

_BY_TAG = {language.tag: language for language in LANGUAGES}


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
            if tag in _BY_TAG:
                return _BY_TAG[tag]
            tag = tag.rpartition("-")[0]
    return ENGLISH


def _quality(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
