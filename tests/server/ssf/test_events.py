"""Which changes of a verdict a receiver is told of."""

import pytest

from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.ssf.events import tells
from tests.support.example_standings import standing


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (Verdict.COMPLIANT, Verdict.NON_COMPLIANT, True),
        (Verdict.GRACE, Verdict.UNKNOWN, True),
        (Verdict.NON_COMPLIANT, Verdict.GRACE, True),
        (None, Verdict.COMPLIANT, True),
        (Verdict.COMPLIANT, Verdict.GRACE, False),
        (Verdict.NON_COMPLIANT, Verdict.UNKNOWN, False),
        (None, Verdict.UNKNOWN, False),
    ],
)
def test_only_what_opens_or_shuts_the_gate_is_told(
    before: Verdict | None, after: Verdict, *, told: bool
) -> None:
    assert tells(standing(after), before) is told
