"""What desktops do with the laptop when nobody is there."""

from typing import Any

import pytest

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.runner import collect
from passmuster_collectors.signals.idle_logoff import SIGNAL
from passmuster_collectors.signals.idle_logoff.facts import (
    Coverage,
    IdleLogoffFacts,
    Kind,
    Mechanism,
)
from passmuster_collectors.signals.idle_logoff.linux.suspend import (
    NOTHING,
    IdleAction,
    gnome_action,
    parse_powerdevil,
    parse_profiles,
    worst,
)
from passmuster_collectors.text import kconfig
from passmuster_collectors.text.kconfig import Config
from tests.support.people import gnome, gsettings, machine, session
from tests.support.recorded_host import RecordedHost
from tests.support.recordings import recorded_case

POWER = "org.gnome.settings-daemon.plugins.power"
HOME = "/home/worker1000"


def config(text: str) -> Config:
    return kconfig.merge([kconfig.parse(text.encode())])


def power(ac: str, ac_s: int, battery: str = "suspend", battery_s: int = 600) -> dict[str, str]:
    return {
        f"{POWER} sleep-inactive-ac-type": f"'{ac}'",
        f"{POWER} sleep-inactive-ac-timeout": str(ac_s),
        f"{POWER} sleep-inactive-battery-type": f"'{battery}'",
        f"{POWER} sleep-inactive-battery-timeout": str(battery_s),
    }


def mechanisms(recorded: dict[str, Any]) -> tuple[tuple[Mechanism, ...], Outcome]:
    (reading,) = collect(RecordedHost(recorded), [SIGNAL])
    facts = codec.decode(IdleLogoffFacts, reading.facts)
    return facts.mechanisms, SIGNAL.judge(reading, SIGNAL.limits()).outcome


def of_gnome(settings: dict[str, str], *locked: str, **lock: str) -> Any:
    programs = gsettings(1000, {**gnome(**lock), **settings}, *locked)
    return mechanisms(machine(session("2"), programs=programs))


@pytest.mark.parametrize(
    ("action", "timeout_s", "on_sleep", "expected"),
    [
        ("suspend", 900, True, IdleAction(Kind.SUSPEND_AND_LOCK, 900)),
        ("hibernate", 900, True, IdleAction(Kind.SUSPEND_AND_LOCK, 900)),
        ("suspend", 0, True, NOTHING),
        ("nothing", 900, True, NOTHING),
        ("blank", 900, True, NOTHING),
        ("suspend", 900, False, NOTHING),
        ("suspend", 900, UNKNOWN, IdleAction(Kind.SUSPEND_AND_LOCK, UNKNOWN)),
        ("logout", 900, False, IdleAction(Kind.LOGOUT, 900)),
        ("shutdown", 900, False, IdleAction(Kind.SESSION_STOP, 900)),
    ],
)
def test_sleep_counts_only_with_a_lock_before_it(
    action: str, timeout_s: int, on_sleep: Any, expected: IdleAction
) -> None:
    assert gnome_action(action, timeout_s, on_sleep) == expected


def test_every_power_source_counts() -> None:
    late, soon = (IdleAction(Kind.SUSPEND_AND_LOCK, seconds) for seconds in (900, 300))
    assert worst([soon, late]).after_s == 900
    assert worst([soon, NOTHING]) == NOTHING
    assert worst([soon, IdleAction(Kind.SUSPEND_AND_LOCK, UNKNOWN)]).after_s == UNKNOWN


def test_gnome_that_never_locks_but_sleeps_in_time_is_covered() -> None:
    found, outcome = of_gnome(power("suspend", 900), idle_delay="uint32 0")
    assert [(each.kind, each.after_s) for each in found] == [
        (Kind.LOCK, None),
        (Kind.SUSPEND_AND_LOCK, 900),
    ]
    assert all(each.covers is Coverage.GRAPHICAL for each in found)
    assert outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("settings", "lock"),
    [
        (power("nothing", 900), {"idle_delay": "uint32 0"}),
        (power("suspend", 900, "nothing"), {"idle_delay": "uint32 0"}),
        (power("suspend", 900), {"lock_enabled": "false"}),
    ],
    ids=["not on mains", "not on battery", "no lock before sleep"],
)
def test_gnome_that_is_left_open_on_one_power_source_fails(
    settings: dict[str, str], lock: dict[str, str]
) -> None:
    found, outcome = of_gnome(settings, **lock)
    assert [each.kind for each in found] == [Kind.LOCK]
    assert outcome is Outcome.FAIL


def test_it_is_enforced_when_power_and_lock_settings_are_locked() -> None:
    settings = power("suspend", 900)
    everything = (*settings, *gnome())
    assert of_gnome(settings, *everything)[0][1].enforced is True
    assert of_gnome(settings, *settings)[0][1].enforced is False


def test_power_settings_that_are_refused_are_unknown() -> None:
    recorded = machine(
        session("2"),
        programs=gsettings(1000, {**gnome(idle_delay="uint32 0"), **power("suspend", 900)}),
    )
    name = f"1000:GSETTINGS get {POWER} sleep-inactive-ac-type"
    recorded["programs"][name] = {"error": "timeout"}
    found, outcome = mechanisms(recorded)
    assert found[1].after_s == UNKNOWN
    assert outcome is Outcome.UNKNOWN


def test_one_persons_desktop_that_does_nothing_leaves_all_open() -> None:
    programs = {
        **gsettings(1000, {**gnome(idle_delay="uint32 0"), **power("suspend", 900)}),
        **gsettings(1001, {**gnome(idle_delay="uint32 0"), **power("nothing", 900)}),
    }
    recorded = machine(session("2"), session("5", 1001, state="online"), programs=programs)
    found, outcome = mechanisms(recorded)
    assert [each.kind for each in found] == [Kind.LOCK]
    assert outcome is Outcome.FAIL


def profiles(*seconds: int | None, action: int = 1) -> str:
    return "".join(
        f"[{name}][SuspendAndShutdown]\nAutoSuspendAction={action}\n"
        + ("" if value is None else f"AutoSuspendIdleTimeoutSec={value}\n")
        for name, value in zip(("AC", "Battery", "LowBattery"), seconds, strict=True)
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (profiles(900, 600, 300), IdleAction(Kind.SUSPEND_AND_LOCK, 900)),
        (profiles(900, 600, 300, action=0), NOTHING),
        (profiles(900, 600, 300, action=8), IdleAction(Kind.SESSION_STOP, 900)),
        (profiles(900, None, 300), IdleAction(Kind.SUSPEND_AND_LOCK, UNKNOWN)),
    ],
)
def test_plasma_6_is_read_in_seconds_and_its_own_defaults_are_not_guessed(
    text: str, expected: IdleAction
) -> None:
    assert parse_powerdevil(config(text), on_sleep=True) == expected


def test_plasma_5_is_read_in_milliseconds() -> None:
    case = recorded_case("linux/screen_lock/kde_powermanagementprofiles")
    found = parse_profiles(config(case.text), on_sleep=True)
    assert found == IdleAction(Kind.SUSPEND_AND_LOCK, case.facts["ac_suspend_idle_ms"] // 1000)
    assert parse_profiles(config(case.text), on_sleep=False) == NOTHING


def test_a_profile_without_suspend_never_suspends_in_plasma_5() -> None:
    text = "[AC]\nicon=x\n[Battery][SuspendSession]\nidleTime=300000\nsuspendType=1\n"
    assert parse_profiles(config(text), on_sleep=True) == NOTHING


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"powerdevilrc": profiles(600, 600, 300)}, 600),
        ({"powerdevilrc": profiles(600, 600, 300), "powermanagementprofilesrc": "[AC]\n"}, 600),
        ({"powerdevilrc": profiles(600, 600, 300).replace("=600", "=soon")}, UNKNOWN),
    ],
)
def test_kdes_file_is_found_where_it_lies(files: dict[str, str], expected: object) -> None:
    own = {f"{HOME}/.config/{name}": text for name, text in files.items()}
    own[f"{HOME}/.config/kscreenlockerrc"] = "[Daemon]\nAutolock=false\n"
    found, _ = mechanisms(machine(session("2", desktop="KDE"), files=own))
    assert [(each.kind, each.after_s) for each in found] == [
        (Kind.LOCK, None),
        (Kind.SUSPEND_AND_LOCK, expected),
    ]
