"""JSON as the contract allows it: bounded in size and depth, no duplicate keys, no NaN."""

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from passmuster_collectors.contract.errors import ContractError

type_names: Mapping[type, str] = {
    dict: "an object",
    list: "a list",
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}

MAX_BYTES = 256 * 1024
MAX_DEPTH = 16


def parse(data: bytes, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> Any:
    """Return the JSON value in `data`.

    Raises `ContractError` for more than `max_bytes`, nesting deeper than `max_depth`, text that is
    not UTF-8 JSON (RFC 8259), a key given twice in one object, or a number that JSON has no word
    for.
    """
    if len(data) > max_bytes:
        raise ContractError("", f"larger than {max_bytes} bytes")
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object_without_duplicates,
            parse_constant=_refuse_constant,
        )
    except UnicodeDecodeError:
        raise ContractError("", "not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise ContractError("", f"not JSON at byte {error.pos}: {error.msg}") from None
    except RecursionError:
        raise ContractError("", f"nested deeper than {max_depth} levels") from None
    except ContractError:
        raise
    except ValueError:
        # CPython refuses to build integers of more than 4,300 digits.
        raise ContractError("", "a number with too many digits") from None
    _check_depth(data, value, max_depth)
    return value


def name_of(value: object) -> str:
    """Return what JSON calls this value, for a message that must not repeat the value itself."""
    return type_names.get(type(value), "something JSON does not have")


def _object_without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ContractError("", "an object names the same key twice")
    return result


def _refuse_constant(_: str) -> NoReturn:
    raise ContractError("", "NaN and Infinity are not JSON")


def _check_depth(data: bytes, value: Any, max_depth: int) -> None:
    # Every level costs at least one opening bracket, so most messages need no walk at all.
    if data.count(b"{") + data.count(b"[") <= max_depth:
        return
    level = [value]
    depth = 0
    while level:
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
        containers = any(isinstance(item, dict | list) for item in level)
        depth += containers
        if depth > max_depth:
            raise ContractError("", f"nested deeper than {max_depth} levels")
        level = below
