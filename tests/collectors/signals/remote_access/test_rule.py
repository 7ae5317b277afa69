"""Which remote-access tools may run."""

from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.signals.remote_access import SIGNAL
from passmuster_collectors.signals.remote_access.facts import RemoteAccessFacts
from passmuster_collectors.signals.remote_access.products import ToolName
from passmuster_collectors.signals.remote_access.rule import (
    Problem,
    RemoteAccessLimits,
    judge,
)


def test_no_tool_at_all_passes() -> None:
    assert judge(RemoteAccessFacts((), ()), RemoteAccessLimits()) == ()


def test_every_tool_that_runs_fails_by_its_title() -> None:
    found = judge(RemoteAccessFacts(("anydesk", "vnc"), ()), RemoteAccessLimits())
    assert {each.outcome for each in found} == {Outcome.FAIL}
    assert [SIGNAL.worker_text(each).partition(" is ")[0] for each in found] == [
        "AnyDesk",
        "a VNC server",
    ]


def test_a_tool_that_it_allows_passes_and_the_others_still_fail() -> None:
    limits = RemoteAccessLimits(allowed=(ToolName.TEAMVIEWER, ToolName.GNOME_REMOTE_DESKTOP))
    facts = RemoteAccessFacts(("anydesk", "teamviewer"), ("gnome_remote_desktop",))
    assert [each.details["tool"] for each in judge(facts, limits)] == ["AnyDesk"]


def test_the_desktops_own_sharing_is_told_apart() -> None:
    (found,) = judge(RemoteAccessFacts(("gnome_remote_desktop",), ()), RemoteAccessLimits())
    assert found.problem == Problem.SHARED


def test_what_may_or_may_not_listen_is_unknown() -> None:
    (found,) = judge(RemoteAccessFacts((), ("gnome_remote_desktop",)), RemoteAccessLimits())
    assert (found.problem, found.outcome) == (Problem.UNCLEAR, Outcome.UNKNOWN)


def test_a_tool_that_only_a_newer_agent_knows_fails_under_its_own_name() -> None:
    (found,) = judge(RemoteAccessFacts(("brand_new",), ()), RemoteAccessLimits())
    assert (found.problem, found.details["tool"]) == (Problem.RUNNING, "brand_new")
