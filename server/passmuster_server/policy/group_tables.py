"""One group's tables of a policy document, read and exchanged without touching anything else."""

import json
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from passmuster_server.policy.document import DocumentError
from passmuster_server.policy.lines import header_of
from passmuster_server.policy.overlays import quoted


def tables_of(document: str, group: str) -> str:
    """Return the group's tables as a document of their own, without their comments.

    `document` is a policy that was published, so it can be read.
    """
    return _written(_find(tomllib.loads(document), group)[1], ())


def with_tables(document: str, group: str, tables: str) -> str:
    """Return the document with `tables` in place of those that the group has; empty: with none.

    Raises `DocumentError` where `tables` are no TOML, or where the document says something of the
    group in a way that can't be exchanged by whole tables.
    """
    try:
        wanted = tomllib.loads(tables)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise DocumentError("", f"not TOML: {error}", None) from None
    before = tomllib.loads(document)
    name, _ = _find(before, group)
    prefix = ("groups", name or group)
    try:
        own = _written(wanted, prefix) if wanted else ""
    except (TypeError, RecursionError):
        raise DocumentError("", "a value of a kind that no policy has", None) from None
    kept = "".join(_without(document, prefix)).rstrip("\n")
    changed = f"{kept}\n\n{own}" if own else f"{kept}\n"
    # However the document is written: nothing but this group's tables may differ.
    if not _differs_there_alone(before, changed, prefix[1], wanted):
        raise DocumentError(
            "",
            "the policy is written in a way that this page can't change: ask your customer",
            None,
        )
    return changed


def _find(document: Mapping[str, Any], group: str) -> tuple[str, Mapping[str, Any]]:
    """Return the group's name as the document has it, empty where it has none, and its table."""
    groups = document.get("groups", {})
    for name, table in groups.items():
        if name.casefold() == group.casefold():
            return name, table
    return "", {}


def _without(document: str, prefix: tuple[str, str]) -> Iterator[str]:
    """Yield the lines that are in no table of the group."""
    inside = False
    for line in document.splitlines(keepends=True):
        text = line.strip()
        if text.startswith("[") and (found := header_of(text)):
            inside = found[:2] == prefix
        if not inside:
            yield line


def _differs_there_alone(
    before: Mapping[str, Any], changed: str, name: str, wanted: Mapping[str, Any]
) -> bool:
    try:
        after = tomllib.loads(changed)
    except tomllib.TOMLDecodeError:
        return False
    groups = {key: table for key, table in before.get("groups", {}).items() if key != name}
    if wanted:
        groups[name] = wanted
    expected = {key: value for key, value in before.items() if key != "groups"}
    found = {key: value for key, value in after.items() if key != "groups"}
    return found == expected and after.get("groups", {}) == groups


def _written(table: Mapping[str, Any], path: tuple[str, ...]) -> str:
    """Return a table as TOML: its own values first, then the tables inside of it."""
    plain = {key: value for key, value in table.items() if not isinstance(value, Mapping)}
    inner = {key: value for key, value in table.items() if isinstance(value, Mapping)}
    parts = []
    if plain or (path and not inner):
        header = [f"[{'.'.join(map(quoted, path))}]"] if path else []
        lines = [f"{quoted(key)} = {_value(value)}" for key, value in plain.items()]
        parts.append("\n".join([*header, *lines]) + "\n")
    parts += [_written(value, (*path, key)) for key, value in inner.items()]
    return "\n".join(parts)


def _value(value: Any) -> str:
    """Return a value as TOML: JSON writes texts, numbers and truths in the same way."""
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, Mapping):
        inner = (f"{quoted(key)} = {_value(item)}" for key, item in value.items())
        return "{ " + ", ".join(inner) + " }"
    if not isinstance(value, str | int):
        raise TypeError
    return json.dumps(value, ensure_ascii=False)
