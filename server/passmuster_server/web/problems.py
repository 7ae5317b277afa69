"""Refusals as RFC 9457 problem details; nothing of the request or of our insides is repeated."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.canonical import canonical_bytes
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.problem import CONTENT_TYPE, Problem
from passmuster_server.database import OverloadedError, StoreUnavailableError

RETRY_AFTER_S = 5
OVERLOADED_S = 15
"""Longer than the fullest queue takes. Agents add a random pause, so they don't return at once."""


class RefusalError(Exception):
    """A request that is refused. `code` is stable and for programs, `detail` is for people."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        field: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.problem = Problem(TITLES.get(status, "Refused"), status, code, detail, field)
        self.headers = dict(headers or {})


TITLES: Mapping[int, str] = {
    400: "The request is malformed",
    401: "The caller is not known",
    403: "The caller may not do this",
    404: "There is no such thing",
    405: "This address does not take that method",
    409: "The request contradicts what is stored",
    412: "It was changed meanwhile",
    413: "The request is too large",
    415: "The request has the wrong content type",
    428: "Say what you want to change",
    429: "Too many requests",
    503: "Try again soon",
}


def problem_response(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """Return the refusal as a response."""
    return Response(
        canonical_bytes(codec.encode(problem)),
        status_code=problem.status,
        media_type=CONTENT_TYPE,
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


async def on_refusal(_: Request, error: Exception) -> Response:
    """Answer a `RefusalError`."""
    assert isinstance(error, RefusalError)  # noqa: S101 - registered for this class alone
    return problem_response(error.problem, error.headers)


async def on_contract_error(_: Request, error: Exception) -> Response:
    """Answer a message that does not keep to the contract with the field that is wrong."""
    assert isinstance(error, ContractError)  # noqa: S101 - registered for this class alone
    return problem_response(Problem(TITLES[400], 400, "malformed", error.problem, error.field))


async def on_any_refusal(request: Request, error: Exception) -> Response:
    """Answer any of the others here."""
    if isinstance(error, RefusalError):
        return await on_refusal(request, error)
    if isinstance(error, ContractError):
        return await on_contract_error(request, error)
    return await on_store_unavailable(request, error)


async def on_store_unavailable(_: Request, error: Exception) -> Response:
    """Answer when nothing could be stored: the caller keeps what it has and tries again."""
    assert isinstance(error, StoreUnavailableError)  # noqa: S101 - registered for this class alone
    if isinstance(error, OverloadedError):
        problem = Problem(TITLES[429], 429, "overloaded", "More is asked for than can be stored.")
        return problem_response(problem, {"Retry-After": str(OVERLOADED_S)})
    problem = Problem(TITLES[503], 503, "overloaded", "Nothing was stored. Try again soon.")
    return problem_response(problem, {"Retry-After": str(RETRY_AFTER_S)})
