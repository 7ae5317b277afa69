"""What real PCs keep about idle sessions, set on a machine and read from it."""

import json
from collections.abc import Mapping
from typing import Any

from passmuster_collectors.contract.reading import Reading
from passmuster_collectors.runner import collect
from passmuster_collectors.signals.idle_logoff import SIGNAL
from passmuster_collectors.signals.idle_logoff.rule import IdleLogoffLimits
from tests.support.recorded_host import RecordedHost
from tests.support.recordings import recorded_case
from tests.support.registry_text import registry
from tests.support.windows_machines import SID, machine

LIMITS = IdleLogoffLimits(within_s=3600)
POLICIES = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System"


def reading(recorded: Mapping[str, Any]) -> Reading:
    (found,) = collect(RecordedHost(recorded), [SIGNAL])
    return found


def test_a_limit_that_ends_a_remote_session_is_read() -> None:
    case = recorded_case("windows/idle_logoff/rdp_policy_15min_end_session")
    found = reading(machine(registry(case.text, SID), protocol=2))
    assert found.facts is not None
    ended = [
        each["after_s"]
        for each in found.facts["mechanisms"]
        if each["kind"] == "remote_session_limit"
    ]
    assert ended == [case.facts["rdp_idle_seconds"]]
    assert str(SIGNAL.judge(found, LIMITS).outcome) == case.outcome


def test_a_lock_is_told_as_a_lock_and_fails_where_a_session_has_to_end() -> None:
    case = recorded_case("windows/idle_logoff/console_only_locks")
    inactivity = json.loads(case.text)["InactivityTimeoutSecs"]
    found = reading(machine({POLICIES: {"InactivityTimeoutSecs": inactivity}}))
    assert found.facts is not None
    told = [(each["kind"], each["after_s"]) for each in found.facts["mechanisms"]]
    assert told == [("lock", case.facts["lock_seconds"])]
    # What the recording judges by: a lock is not a log-off.
    limits = IdleLogoffLimits(within_s=3600, require_end=True)
    assert str(SIGNAL.judge(found, limits).outcome) == case.outcome
    assert str(SIGNAL.judge(found, LIMITS).outcome) == "pass", "the default takes a lock"
