"""One language: what is said in it, and how it counts and tells the time.

English is the key of every text, as with gettext: a text that changes is translated anew.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from passmuster_collectors.languages.templates import MAX_RENDERED, Templates, is_name, stays
from passmuster_collectors.text import durations

JUST_NOW_S = 10
SENTENCE_ENDS = re.compile(r"(?<=[.?!]) ")


class Singular(StrEnum):
    """Which whole numbers take the form `one`, as CLDR's plural rules say; the rest take `other`.

    https://www.unicode.org/cldr/charts/latest/supplemental/language_plural_rules.html
    """

    ONE = "one"
    NOUGHT_AND_ONE = "nought_and_one"
    NOT_4_6_9 = "not_4_6_9"

    def takes(self, number: int) -> bool:
        """Return whether the number takes the form `one`."""
        match self:
            case Singular.ONE:
                return number == 1
            case Singular.NOUGHT_AND_ONE:
                return number in (0, 1)
            case Singular.NOT_4_6_9:
                return number % 10 not in (4, 6, 9)


@dataclass(frozen=True)
class Forms:
    """A text with `{count}` in it, in the two forms that these languages have."""

    one: str
    other: str


@dataclass(frozen=True)
class Language:
    """One language by its BCP 47 tag.

    `texts` maps English to this language, `counted` does where a number is said. `sentences` are
    what is stored and sent in English, `phrases` what is filled into them. `units`, `past`
    and `future` are by unit: `2 days`, `2 days ago`, `in 2 days`. `months` and `weekdays` (from
    Monday) are as dates use them; `moment_format` takes day, month, year and time.
    """

    tag: str
    singular: Singular
    months: tuple[str, ...]
    weekdays: tuple[str, ...]
    moment_format: str
    units: Mapping[str, Forms]
    past: Mapping[str, Forms]
    future: Mapping[str, Forms]
    counted: Mapping[str, Forms]
    texts: Mapping[str, str]
    sentences: Templates
    phrases: Templates

    def template(self, text: str) -> str:
        """Return a text that is still to be filled; what is not translated stays English."""
        return self.texts.get(text, text)

    def say(self, text: str, /, **values: object) -> str:
        """Return a text with its placeholders filled."""
        return self.template(text).format_map(values)

    def count(self, text: str, /, count: int) -> str:
        """Return a text that says a number, in the form for that number."""
        return self._form(self.counted[text], count)

    def rendered(self, text: str) -> str:
        """Return a text that was filled in English.

        Verdicts are stored and sent in English. What was filled in is found again by the template,
        so what laptops say of themselves (a name, a number) is put in as it is. A sentence that no
        template has stays as it is, whole.
        """
        known = self._word(text)
        if known is None and len(text) <= MAX_RENDERED:
            known = self._filled_again(text, self.sentences)
        return text if known is None else known

    def rendered_each(self, text: str) -> str:
        """Return what was filled in English, sentence by sentence where the whole is not known."""
        known = self.rendered(text)
        if known != text:
            return known
        return " ".join(self.rendered(each) for each in SENTENCE_ENDS.split(text))

    def duration(self, seconds: int) -> str:
        """Return a length of time: `90` is "1 minute 30 seconds"."""
        parts = []
        rest = seconds
        for size, unit in durations.UNITS:
            count, rest = divmod(rest, size)
            if count:
                parts.append(self._form(self.units[unit], count))
        return " ".join(parts) or self._form(self.units["second"], 0)

    def roughly(self, seconds: int) -> str:
        """Return a length of time in its largest unit alone, cut."""
        count, unit = durations.largest(seconds)
        return self._form(self.units[unit], count)

    def ago(self, moment: datetime, now: datetime) -> str:
        """Return how long `moment` is past, or how far ahead it is."""
        seconds = round((now - moment).total_seconds())
        if abs(seconds) < JUST_NOW_S:
            return self.template("just now")
        count, unit = durations.largest(abs(seconds))
        return self._form((self.past if seconds > 0 else self.future)[unit], count)

    def moment(self, value: datetime) -> str:
        """Return a time as people read it, in UTC."""
        value = value.astimezone(UTC)
        return self.moment_format.format(
            day=value.day,
            month=self.months[value.month - 1],
            year=value.year,
            time=f"{value:%H:%M}",
        )

    def weekday(self, value: datetime) -> str:
        """Return the day of the week, in the zone that `value` has."""
        return self.weekdays[value.weekday()]

    def _word(self, text: str) -> str | None:
        """Return a text that has nothing filled in, or a length of time; None for any other."""
        if text in self.texts:
            return self.texts[text]
        seconds = durations.read(text)
        return None if seconds is None else self.duration(seconds)

    def _filled_again(self, text: str, templates: Templates) -> str | None:
        for template, details in templates.matches(text):
            told = {name: self._told(value, name, template) for name, value in details.items()}
            if None not in told.values():
                return self.texts[template].format_map(told)
        return None

    def _told(self, value: str, name: str, template: str) -> str | None:
        """Return what stands in that place in this language; None for words that are not known."""
        known = None if is_name(name, template) else self._word(value)
        if known is None:
            known = self._filled_again(value, self.phrases)
        if known is None and stays(value, name, template):
            return value
        return known

    def _form(self, forms: Forms, count: int) -> str:
        form = forms.one if self.singular.takes(count) else forms.other
        return form.format(count=count)
