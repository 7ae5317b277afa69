"""Lists that are short enough to be read as a whole, told page by page."""

from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar
from urllib.parse import urlencode

from msgspec import UNSET, Meta, Struct, UnsetType, to_builtins

from passmuster_collectors.contract.canonical import base64url, from_base64url
from passmuster_collectors.contract.errors import ContractError
from passmuster_server.api.messages import Limit
from passmuster_server.fleet.index import PAGE_SIZE

T = TypeVar("T")

After = Annotated[
    str,
    Meta(
        max_length=1_024,
        pattern="^[A-Za-z0-9_-]*$",
        description="The place after which the page begins, as `next` has it.",
    ),
]


class PageQuery(Struct, forbid_unknown_fields=True):
    """Which page of a list."""

    after: After | UnsetType = UNSET
    limit: Limit = PAGE_SIZE


def page_of(
    items: Sequence[T], key: Callable[[T], str], query: PageQuery, address: str
) -> tuple[list[T], str | None]:
    """Return a page of `items` in the order of their keys, and the address of the next one.

    A key names its item for good, so that a page begins where the last one ended, whatever came or
    went meanwhile. Raises `ContractError` for a place that was never given out.
    """
    ordered = sorted(items, key=key)
    after = place_of(query.after)
    if after:
        ordered = [each for each in ordered if key(each) > after]
    page = ordered[: query.limit]
    if len(ordered) <= query.limit:
        return page, None
    return page, following(query, key(page[-1]), address)


def following(query: Struct, place: str, address: str) -> str:
    """Return the address of the page that begins after a place."""
    values = {name: value for name, value in to_builtins(query).items() if value}
    values["after"] = base64url(place.encode("utf-8"))
    return f"{address}?{urlencode(values)}"


def place_of(after: str | UnsetType) -> str:
    """Return the place after which the page begins, and nothing for the first page.

    Raises `ContractError` for one that was never given out.
    """
    if not after:
        return ""
    try:
        return from_base64url(after, "after").decode("utf-8")
    except (ContractError, UnicodeDecodeError):
        raise wrong_place() from None


def wrong_place() -> ContractError:
    """Return the refusal for a place that was never given out."""
    return ContractError("after", "expected a place as next has it")
