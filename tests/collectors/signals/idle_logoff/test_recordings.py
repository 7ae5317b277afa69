"""What recorded files and sessions come to."""

from typing import Any

import pytest

from passmuster_collectors.signals.idle_logoff.linux.logind import parse_idle_policy
from passmuster_collectors.signals.idle_logoff.tmout import parse_tmout
from passmuster_collectors.signals.screen_lock.linux.sessions import SessionKind, parse_session
from passmuster_collectors.text import key_value
from tests.support.recordings import recorded_case


@pytest.mark.parametrize(
    ("case", "after_s", "fixed"),
    [
        ("linux/idle_logoff/tmout_commented", None, False),
        ("linux/idle_logoff/tmout_multiline_readonly", 700, True),
        ("linux/idle_logoff/tmout_typeset_800", 800, True),
        # Set twice and differently: the worst of them is told.
        ("linux/idle_logoff/tmout_conflict_profile_and_d", 800, True),
    ],
)
def test_a_shell_s_time_out_is_what_the_files_set(
    case: str, after_s: int | None, fixed: bool
) -> None:
    recorded = recorded_case(case)
    found = parse_tmout([recorded.text.encode()])
    assert (found.after_s, found.fixed) == (after_s, fixed)
    assert found.disagree is (recorded.facts["tmout"] == "conflict")


def test_an_ssh_session_is_remote_and_no_screen_lock_applies() -> None:
    recorded = recorded_case("linux/idle_logoff/loginctl_show_session_ssh")
    told = key_value.parse(recorded.text.encode())
    properties: dict[str, Any] = {**told, "Remote": told["Remote"] == "yes"}
    session = parse_session(told["Id"], int(told["User"]), properties)
    assert session is not None
    assert session.kind is SessionKind.REMOTE
    assert recorded.facts["remote"] is True


def test_a_value_in_the_wrong_section_has_no_effect_and_is_not_looked_at() -> None:
    recorded = recorded_case("linux/idle_logoff/logind_conf_wrong_section")
    assert "StopIdleSessionSec=300" in recorded.text
    # logind ignored the section, so the value in force is the one it answers with: never.
    in_force = {"IdleAction": "ignore", "IdleActionUSec": 1_800_000_000}
    assert parse_idle_policy(in_force).stop_s is recorded.facts["stop_idle_s"]
