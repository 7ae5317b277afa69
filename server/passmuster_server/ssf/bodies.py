"""JSON that receivers send."""

from typing import TypeVar

import msgspec
from starlette.requests import Request

from passmuster_collectors.contract.errors import ContractError
from passmuster_server.web.bodies import read_body, wrong_field

T = TypeVar("T")

MAX_BODY = 512 * 1024


async def read_json(request: Request, kind: type[T], *, empty: bytes = b"") -> T:
    """Return the body as a `kind`; an empty one counts as `empty`.

    Raises `RefusalError` 413 and 415, and `ContractError` that names the field.
    """
    body = await read_body(request, limit=MAX_BODY, content_type="application/json")
    return decoded(body or empty, kind)


def decoded(body: bytes, kind: type[T]) -> T:
    """Return JSON as a `kind`. Raises `ContractError` that names the field."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise wrong_field(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ContractError("", "not JSON, or nested too deeply") from None
