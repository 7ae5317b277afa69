"""Time-outs of the shells that sessions really run."""

from typing import Any

import pytest

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.runner import collect
from passmuster_collectors.signals.idle_logoff import SIGNAL
from passmuster_collectors.signals.idle_logoff.facts import IdleLogoffFacts, Kind
from tests.support.people import machine, session
from tests.support.recorded_host import RecordedHost

PROFILE = {"/etc/profile.d/tmout.sh": "readonly TMOUT=600\n", "/etc/profile": "# nothing\n"}
DEBIAN_ZSH = {
    "/etc/zsh/zprofile": "# unlike bash, no /etc/profile here\n",
    "/etc/zsh/zshrc": "bindkey -e\n",
}


def remote(name: str, uid: int = 1000, kind: str = "tty") -> dict[str, Any]:
    return session(name, uid, kind=kind, desktop="", service="sshd", remote=True)


def running(name: str, *shells: str, uid: int = 1000, first: int = 80) -> tuple[Any, Any]:
    """Return the control group of a session and the processes in it, the oldest first."""
    group = f"/sys/fs/cgroup/user.slice/user-{uid}.slice/session-{name}.scope/cgroup.procs"
    processes = tuple(
        {"pid": first + place, "uid": uid, "name": shell} for place, shell in enumerate(shells)
    )
    return {group: "".join(f"{each['pid']}\n" for each in processes)}, processes


def read(*sessions: Any, files: dict[str, str], processes: tuple[Any, ...]) -> Any:
    recorded = machine(*sessions, files=files, processes=processes)
    (reading,) = collect(RecordedHost(recorded), [SIGNAL])
    facts = codec.decode(IdleLogoffFacts, reading.facts)
    (found,) = [each for each in facts.mechanisms if each.kind is Kind.SHELL_TIMEOUT]
    return found.after_s, SIGNAL.judge(reading, SIGNAL.limits()).outcome


@pytest.mark.parametrize(
    ("shells", "more", "expected"),
    [
        (("bash",), {}, (600, Outcome.PASS)),
        (("sshd", "-bash", "vim"), {}, (600, Outcome.PASS)),
        (("bash", "fish"), {}, (600, Outcome.PASS)),
        (("fish",), {}, (None, Outcome.FAIL)),
        (("fish", "bash"), {}, (None, Outcome.FAIL)),
        (("nu",), {}, (None, Outcome.FAIL)),
        (("zsh",), DEBIAN_ZSH, (None, Outcome.FAIL)),
        (("zsh",), {"/etc/zsh/zshrc": "TMOUT=300\n"}, (300, Outcome.PASS)),
        (("zsh",), {"/etc/zprofile": "emulate sh -c '. /etc/profile'\n"}, (600, Outcome.PASS)),
    ],
)
def test_the_first_shell_of_a_session_decides(
    shells: tuple[str, ...], more: dict[str, str], expected: Any
) -> None:
    group, processes = running("4", *shells)
    assert read(remote("4"), files={**PROFILE, **more, **group}, processes=processes) == expected


def test_a_session_in_a_browser_has_no_shell_that_ends_it() -> None:
    assert read(remote("4", kind="web"), files=PROFILE, processes=()) == (None, Outcome.FAIL)


def test_the_worst_of_several_sessions_counts() -> None:
    group, processes = running("4", "bash")
    other_group, others = running("5", "fish", uid=1001, first=90)
    found = read(
        remote("4"),
        remote("5", 1001),
        files={**PROFILE, **group, **other_group},
        processes=(*processes, *others),
    )
    assert found == (None, Outcome.FAIL)
