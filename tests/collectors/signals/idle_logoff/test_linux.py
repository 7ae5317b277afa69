"""The Linux reader's parsers, and a real bus with logind on it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.contract.reading import Status
from passmuster_collectors.host.base import SourceConflictError
from passmuster_collectors.host.linux import LinuxHost
from passmuster_collectors.signals.idle_logoff import linux
from passmuster_collectors.signals.idle_logoff.linux.logind import parse_idle_policy
from passmuster_collectors.signals.idle_logoff.tmout import parse_tmout
from tests.support.message_bus import MessageBus

INFINITY = 2**64 - 1


@pytest.mark.parametrize(
    ("lines", "after_s"),
    [
        ("TMOUT=600", 600),
        ("export TMOUT=600", 600),
        ("declare -xr TMOUT=600", 600),
        ('TMOUT="600"', 600),
        ("TMOUT=0", None),
        ("# TMOUT=600", None),
        ("TMOUT=600\nTMOUT=900", 900),
        ("TMOUT=600\nTMOUT=0", None),
        ("TMOUT=$SECONDS_ALLOWED", UNKNOWN),
        ("if true; then\n  TMOUT=600\nfi", UNKNOWN),
        ("[ -t 0 ] && TMOUT=600", UNKNOWN),
        ("TMOUT=600\nunset TMOUT", UNKNOWN),
        ("MY_TMOUT=600", None),
    ],
)
def test_the_time_out_is_what_is_set_without_conditions(
    lines: str, after_s: int | Unknown | None
) -> None:
    assert parse_tmout([lines.encode()]).after_s == after_s


@given(st.binary(max_size=200))
def test_arbitrary_files_never_raise(content: bytes) -> None:
    parse_tmout([content])


def test_idle_action_ignore_does_nothing_whatever_its_time() -> None:
    policy = parse_idle_policy(
        {"IdleAction": "ignore", "IdleActionUSec": 60_000_000, "StopIdleSessionUSec": INFINITY}
    )
    assert (policy.action_after_s, policy.stop_s) == (None, None)


def test_a_logind_without_the_newer_property_stops_no_session() -> None:
    assert parse_idle_policy({"IdleAction": "ignore", "IdleActionUSec": 1}).stop_s is None


@pytest.mark.parametrize("properties", [{}, {"IdleAction": 7}, {"IdleAction": "dance"}])
def test_properties_that_logind_does_not_document_are_a_conflict(
    properties: dict[str, object],
) -> None:
    with pytest.raises(SourceConflictError):
        parse_idle_policy({"IdleActionUSec": 1, **properties})


def test_nobody_logged_in_on_a_real_bus_is_not_applicable(system_bus: MessageBus) -> None:
    system_bus.logind()
    reading = linux.read(LinuxHost(b"k" * 16))
    assert reading.status is Status.NOT_APPLICABLE, reading
