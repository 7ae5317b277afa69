"""How the server refuses: RFC 9457 problem details, with the field that is wrong."""

from dataclasses import dataclass
from typing import Annotated

from passmuster_collectors.contract.declaration import Text, Whole

CONTENT_TYPE = "application/problem+json"


@dataclass(frozen=True)
class Problem:
    """A refusal. `code` is stable and for programs, `detail` one sentence for people."""

    title: str
    status: Annotated[int, Whole(least=400, most=599)]
    code: Annotated[str, Text(longest=64)]
    detail: str
    field: str = ""
