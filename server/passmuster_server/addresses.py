"""People's e-mail addresses in the store, found without regard to case.

SQLite's own `lower` knows the letters of ASCII alone, and so does PostgreSQL's where its locale is
`C`; whoever asks for her data, or has it erased, may be `ÉLODIE@example.com` in one table and
`élodie@example.com` in another.
"""

import re
from typing import Any

from sqlalchemy import Column, ColumnElement, String, func, or_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

FOLDED = "folded"
"""The function that connections to SQLite are given."""


class folded(GenericFunction[str]):  # noqa: N801 - the function's name in SQL
    """A text in small letters."""

    type = String()
    inherit_cache = True


@compiles(folded, "postgresql")
def _by_postgresql(element: folded, compiler: Any, **options: Any) -> str:
    return f"lower({compiler.process(element.clauses, **options)})"


def fold(text: str | None) -> str | None:
    """Return the text as the server compares addresses everywhere else, as the function does."""
    return None if text is None else text.casefold()


def is_address(column: Column[Any], address: str) -> ColumnElement[bool]:
    """Return the condition that the column holds this address."""
    return or_(column == address, func.folded(column).in_(spellings(address)))


def names_person(text: str, person: str) -> bool:
    """Return whether the text is the person's address, in any case, or holds it as a whole.

    `desk of ana@example.com` holds `ana@example.com`; `joana@example.com` is somebody else's.
    """
    own = spellings(person)
    if not {*spellings(text.strip())}.isdisjoint(own):
        return True
    # Whoever is known by a plain word is not named by each text that it occurs in.
    return "@" in person and any(
        re.search(rf"(?<![\w.+%-]){re.escape(each)}(?![\w-]|\.\w)", written)
        for each in own
        for written in spellings(text)
    )


def spellings(text: str) -> tuple[str, ...]:
    """Return how a text may stand in a column that is folded by either database."""
    return tuple(dict.fromkeys((text.casefold(), text.lower())))
