"""What came of a confirmation, as far as the server's answer tells."""

import pytest

from passmuster_agent import reporter
from passmuster_agent.config import State
from passmuster_agent.delivery import DeliveryKind
from passmuster_agent.errands import Confirm
from passmuster_collectors.contract.canonical import canonical_bytes
from tests.support.report_server import HANG_UP, Raw, ReportServer, refusal

pytestmark = pytest.mark.usefixtures("enrolled")

ERRAND = Confirm("47182936", "challenge", "session")


def test_what_the_server_took_is_confirmed(server: ReportServer, state: State) -> None:
    server.confirmations.append(Raw(200, {}, canonical_bytes({"version": 1, "number": "47182936"})))
    delivered = reporter.deliver(state, ERRAND)
    assert (delivered.kind, delivered.confirmed) == (DeliveryKind.ACCEPTED, True)


@pytest.mark.parametrize(
    ("answer", "by_server"),
    [
        (refusal(403, "too_old", "It is too old."), True),
        (refusal(503, "overloaded", "Wait."), False),
        (Raw(502, {}, b"bad gateway"), False),
        (Raw(404), False),
        (Raw(200, {}, b"not an answer"), False),
        (HANG_UP, False),
    ],
    ids=["refused", "a failing server", "gateway", "nothing there", "garbage", "hung up"],
)
def test_only_the_servers_own_refusal_tells_that_nothing_was_confirmed(
    server: ReportServer, state: State, answer: Raw, *, by_server: bool
) -> None:
    server.confirmations.append(answer)
    delivered = reporter.deliver(state, ERRAND)
    assert (delivered.kind, delivered.confirmed) == (DeliveryKind.ACCEPTED, False)
    assert delivered.refused != ""
    assert delivered.by_server is by_server
