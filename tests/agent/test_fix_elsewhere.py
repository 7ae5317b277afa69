"""`fix screen_lock` on a Mac and on a PC that keep what they are told to change."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from passmuster_agent.errors import AgentError, ExitCode
from passmuster_agent.fix import BY_HAND, Aim, fix
from passmuster_agent.windows import screen_saver
from passmuster_collectors.host.answers import Completed
from passmuster_collectors.host.commands import Program
from passmuster_collectors.languages import NAMES, Language, language_of
from passmuster_collectors.signals import signal_by_id
from tests.support.recorded_host import RecordedHost
from tests.support.tools import REPOSITORY
from tests.support.windows_machines import SID, machine
from tests.support.worker_texts import english_left

LOCK = signal_by_id("screen_lock")
DEFAULT = Aim(None, None)
MAC = REPOSITORY / "tests" / "recordings" / "macos" / "lock_at_once" / "machine.json"
IDLE = "501:DEFAULTS -currentHost read com.apple.screensaver idleTime"
GRACE = "501:SYSADMINCTL -screenLock status"
PROFILE = "/Library/Managed Preferences/alex/com.apple.screensaver.plist"
DESKTOP, POLICY = (
    r"Control Panel\Desktop",
    r"Software\Policies\Microsoft\Windows\Control Panel\Desktop",
)
SAVER = r"C:\Windows\System32\scrnsave.scr"
NEEDED = {
    "ScreenSaveActive": "1",
    "ScreenSaverIsSecure": "1",
    "SCRNSAVE.EXE": SAVER,
    "ScreenSaveTimeOut": "540",
}


class Mac(RecordedHost):
    """A Mac on which `defaults write` writes."""

    def __init__(self, idle: str, **programs: Any) -> None:
        recorded = json.loads(MAC.read_text(encoding="utf-8")) | {"uid": 501}
        recorded["programs"] |= {
            IDLE: {"stdout": idle} if idle else {"status": 1},
            "PMSET -g custom": {"stdout": "AC Power:\n displaysleep 0\n"},
            **programs,
        }
        self.recorded = recorded
        self.ran: list[tuple[str, ...]] = []
        super().__init__(recorded)

    def run(self, program: Program, *arguments: str, **options: Any) -> Completed:
        if program is Program.DEFAULTS and "write" in arguments:
            assert options["user"] == 501, "as the worker"
            self.ran.append(arguments)
            self.recorded["programs"][IDLE] = {"stdout": f"{arguments[-1]}\n"}
            return Completed(0, b"", b"")
        return super().run(program, *arguments, **options)


class Pc(RecordedHost):
    """A PC on which `reg add` writes."""

    def __init__(self, own: dict[str, str], policy: dict[str, Any] | None = None) -> None:
        self.policy = policy or {}
        recorded = dict(machine({rf"HKU\{SID}\{DESKTOP}": own}, modern_standby=False))
        recorded["registry"] = {
            **recorded["registry"],
            rf"HKCU\{DESKTOP}": own,
            rf"HKCU\{POLICY}": self.policy,
            rf"HKU\{SID}\{DESKTOP}": own,
            rf"HKU\{SID}\{POLICY}": self.policy,
        }
        recorded["status"] = {SAVER: {"device": [0, 1], "owner": 0, "mode": "100666", "size": 9000}}
        self.own = own
        self.ran: list[tuple[str, ...]] = []
        super().__init__(recorded)

    def run(self, program: Program, *arguments: str, **options: Any) -> Completed:
        if program is not Program.REG:
            return super().run(program, *arguments, **options)
        assert options["user"] is None, "as whoever runs it"
        self.ran.append(arguments)
        word, key, _, name, _, kind, _, value, flag = arguments
        assert (word, key, kind, flag) == ("add", rf"HKCU\{DESKTOP}", "REG_SZ", "/f")
        self.own[name] = value
        return Completed(0, b"", b"")


def run_fix(
    host: RecordedHost, aim: Aim = DEFAULT, *, agree: bool = True, language: Language | None = None
) -> tuple[ExitCode, str]:
    said: list[str] = []

    def ask(question: str) -> bool:
        said.append(question)
        return agree

    code = fix(host, LOCK, aim, ask, said.append, language)
    return code, "\n".join(said)


def spoken(tag: str, host: RecordedHost, aim: Aim = DEFAULT, *, agree: bool = True) -> list[str]:
    """Return all that a person reads."""
    try:
        return run_fix(host, aim, agree=agree, language=language_of(tag))[1].splitlines()
    except AgentError as error:
        return [error.problem, error.remedy]


class TestOnAMac:
    def test_the_exact_change_is_shown_made_and_kept(self) -> None:
        mac = Mac("7200\n")
        code, said = run_fix(mac)
        assert code is ExitCode.DONE
        assert "com.apple.screensaver idleTime: 7200 -> 540" in said
        assert mac.ran == [
            ("-currentHost", "write", "com.apple.screensaver", "idleTime", "-int", "540")
        ]

    @pytest.mark.parametrize(("idle", "before"), [("0\n", "0 (never)"), ("", "not set")])
    def test_a_screen_saver_that_never_starts_is_told_as_such(self, idle: str, before: str) -> None:
        assert f"idleTime: {before} -> 540" in run_fix(Mac(idle))[1]

    def test_nothing_is_changed_without_agreement(self) -> None:
        mac = Mac("7200\n")
        assert run_fix(mac, agree=False)[0] is ExitCode.FAILED
        assert mac.ran == []

    def test_the_grace_is_left_room_for(self) -> None:
        mac = Mac("7200\n", **{GRACE: {"stderr": "screenLock delay is 300 seconds\n"}})
        assert run_fix(mac)[0] is ExitCode.DONE
        assert mac.ran[0][-1] == "300"

    def test_a_password_that_comes_too_late_is_left_to_the_steps(self) -> None:
        mac = Mac("300\n", **{GRACE: {"stderr": "screenLock is off\n"}})
        code, said = run_fix(mac)
        assert code is ExitCode.FAILED
        assert mac.ran == [], "that takes the password itself"
        assert "Require password" in said
        assert "x-apple.systempreferences:" in said

    def test_what_a_profile_fixes_is_its(self) -> None:
        mac = Mac("300\n")
        mac.recorded["files"] = {PROFILE: {"plist": {"idleTime": 7200}}}
        with pytest.raises(AgentError, match="IT has locked"):
            run_fix(mac)
        assert mac.ran == []

    def test_the_organisations_limit_is_aimed_at(self) -> None:
        mac = Mac("300\n")
        assert run_fix(mac, Aim(None, 180))[0] is ExitCode.DONE
        assert mac.ran[0][-1] == "120"


class TestOnAPc:
    def test_the_exact_changes_are_shown_made_and_kept(self) -> None:
        pc = Pc({"ScreenSaveActive": "0"})
        code, said = run_fix(pc)
        assert code is ExitCode.DONE, said
        assert pc.own == NEEDED
        assert rf"HKCU\{DESKTOP} ScreenSaveActive: 0 -> 1" in said
        assert rf"HKCU\{DESKTOP} SCRNSAVE.EXE: not set -> {SAVER}" in said

    def test_what_is_right_already_is_left_alone(self) -> None:
        pc = Pc({**NEEDED, "ScreenSaveTimeOut": "7200"})
        assert run_fix(pc)[0] is ExitCode.DONE
        assert [each[3] for each in pc.ran] == ["ScreenSaveTimeOut"]

    def test_a_program_that_is_gone_is_replaced(self) -> None:
        pc = Pc({**NEEDED, "SCRNSAVE.EXE": r"C:\gone.scr"})
        assert run_fix(pc)[0] is ExitCode.DONE
        assert pc.own == NEEDED

    def test_nothing_is_changed_without_agreement(self) -> None:
        pc = Pc({"ScreenSaveActive": "0"})
        assert run_fix(pc, agree=False)[0] is ExitCode.FAILED
        assert pc.ran == []

    def test_what_a_policy_fixes_is_its(self) -> None:
        pc = Pc(dict(NEEDED), {"ScreenSaveTimeOut": "7200"})
        with pytest.raises(AgentError, match="IT has locked"):
            run_fix(pc)
        assert pc.ran == []

    @pytest.mark.parametrize("after", [0, 1, 4], ids=["at first", "meanwhile", "at the last"])
    def test_settings_that_contradict_their_documentation_are_told(self, after: int) -> None:
        pc = Pc({"ScreenSaveActive": "0"})

        def run(program: Program, *arguments: str, **options: Any) -> Completed:
            done = Pc.run(pc, program, *arguments, **options)
            if len(pc.ran) == after:
                pc.policy["ScreenSaveTimeOut"] = ["a list", "of texts"]
            return done

        pc.run = run  # type: ignore[method-assign] # another program writes at the same time
        if after == 0:
            pc.policy["ScreenSaveTimeOut"] = ["a list", "of texts"]
        with pytest.raises(AgentError, match=r"could not be read \(conflict\)") as told:
            run_fix(pc)
        assert told.value.remedy == BY_HAND
        assert len(pc.ran) == (4 if after else 0)

    def test_the_five_seconds_of_grace_are_left_room_for(self) -> None:
        pc = Pc({**NEEDED, "ScreenSaveTimeOut": "7200"})
        assert run_fix(pc, Aim(None, 60))[0] is ExitCode.DONE
        assert pc.own["ScreenSaveTimeOut"] == "55"


class Unwilling(Pc):
    """A PC whose `reg add` fails."""

    def run(self, program: Program, *arguments: str, **options: Any) -> Completed:
        if program is Program.REG:
            return Completed(1, b"", b"")
        return super().run(program, *arguments, **options)


@pytest.mark.parametrize("tag", [tag for tag in NAMES if tag != "en"])
@pytest.mark.parametrize(
    ("make", "aim", "agree"),
    [
        (lambda: Pc({"ScreenSaveActive": "0"}), DEFAULT, True),
        (lambda: Pc({"ScreenSaveActive": "0"}), Aim(None, 300), False),
        (lambda: Pc(dict(NEEDED)), DEFAULT, True),
        (lambda: Pc(dict(NEEDED), {"ScreenSaveTimeOut": "7200"}), DEFAULT, True),
        (lambda: Pc(dict(NEEDED), {"ScreenSaveTimeOut": ["a list"]}), Aim(60, None), True),
        (lambda: Unwilling({"ScreenSaveActive": "0"}), DEFAULT, True),
        (lambda: Mac("0\n"), DEFAULT, True),
        (lambda: Mac("300\n", **{GRACE: {"stderr": "screenLock is off\n"}}), DEFAULT, True),
    ],
)
def test_all_that_a_person_reads_is_in_their_language(
    tag: str, make: Callable[[], RecordedHost], aim: Aim, *, agree: bool
) -> None:
    english, told = (spoken(each, make(), aim, agree=agree) for each in ("en", tag))
    assert english_left(english, told) == []


def test_windows_is_told_of_what_changed_and_of_nothing_else() -> None:
    told: list[tuple[int, int, int]] = []

    def information(action: int, number: int, place: Any, how: int) -> int:
        assert place.value is None
        told.append((action, number, how))
        return 1

    windows = {"SystemParametersInfoW": information}
    assert screen_saver.take_over(windows, {"ScreenSaveTimeOut": "540", "SCRNSAVE.EXE": SAVER})
    assert told == [(15, 540, 2)]
    assert not screen_saver.take_over(
        {"SystemParametersInfoW": lambda *_: 0}, {"ScreenSaveActive": "1"}
    )
