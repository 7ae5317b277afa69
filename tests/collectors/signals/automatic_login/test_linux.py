"""What display managers and consoles are told to do, setting by setting."""

import json
from typing import Any

import pytest

from passmuster_collectors.host.base import SourceConflictError
from passmuster_collectors.host.linux import LinuxHost
from passmuster_collectors.runner import collect
from passmuster_collectors.signals.automatic_login import SIGNAL
from passmuster_collectors.signals.automatic_login.linux import display_managers
from passmuster_collectors.signals.automatic_login.linux.consoles import (
    SERVICE,
    SYSTEMD,
    UNIT,
    UNITS,
    consoles_log_in,
    starts_with_autologin,
)
from passmuster_collectors.text import kconfig
from passmuster_collectors.text.kconfig import Config
from tests.support.message_bus import MessageBus
from tests.support.recorded_host import load
from tests.support.tools import REPOSITORY

COMMANDS = "a(sasbttttuii)"
"""The type of ExecStart in org.freedesktop.systemd1(5)."""


def config(*contents: str) -> Config:
    return kconfig.merge([kconfig.parse(content.encode()) for content in contents])


@pytest.mark.parametrize("word", ["true", "True", "TRUE", "1", "yes"])
def test_gdm_takes_any_word_for_yes(word: str) -> None:
    settings = config(f"[daemon]\nAutomaticLoginEnable={word}\nAutomaticLogin=worker\n")
    assert display_managers.parse_gdm(settings)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[daemon]\nAutomaticLogin=worker\n",
        "[daemon]\nAutomaticLoginEnable=false\nAutomaticLogin=worker\n",
        "[daemon]\nAutomaticLoginEnable=true\nTimedLogin=worker\n",
        "[security]\nAutomaticLoginEnable=true\nAutomaticLogin=worker\n",
        "[daemon]\n#AutomaticLoginEnable=true\nAutomaticLogin=worker\n",
    ],
)
def test_gdm_needs_both_the_switch_and_a_name_in_its_own_group(content: str) -> None:
    assert not display_managers.parse_gdm(config(content))


def test_a_later_file_has_the_last_word() -> None:
    on, off = "[Autologin]\nUser=worker\n", "[Autologin]\nUser=\n"
    assert display_managers.parse_sddm(config(off, on))
    assert not display_managers.parse_sddm(config(on, off))


@pytest.mark.parametrize("seat", ["Seat:*", "Seat:seat0", "SeatDefaults"])
def test_lightdm_may_log_in_on_any_seat(seat: str) -> None:
    assert display_managers.parse_lightdm(config(f"[{seat}]\nautologin-user=worker\n"))
    assert display_managers.parse_lightdm(config(f"[{seat}]\nautologin-guest=true\n"))
    assert not display_managers.parse_lightdm(config(f"[{seat}]\nautologin-user=\n"))


@pytest.mark.parametrize(
    "content", [b"", b"default_session = 3", b"[default_session]\nuser = 'x'", b"[", b"\xff"]
)
def test_greetd_without_a_default_session_is_a_conflict(content: bytes) -> None:
    with pytest.raises(SourceConflictError):
        display_managers.parse_greetd(content, lambda: frozenset({"worker"}))


def test_accounts_of_services_are_nobody() -> None:
    accounts = b"root:x:0:0:::\ngdm:x:120:1:::\nworker:x:1000:1000:::\nnobody:x:65534:1:::\n"
    assert display_managers.parse_people(accounts) == {"root", "worker"}
    with pytest.raises(SourceConflictError):
        display_managers.parse_people(b"nothing of the kind")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["agetty", "--noclear", "-", "linux"], False),
        (["agetty", "-o", "-p -- \\u", "--noclear", "-", "linux"], False),
        (["agetty", "--autologin", "worker", "-", "linux"], True),
        (["agetty", "--autologin=worker", "-", "linux"], True),
        (["agetty", "--auto", "worker", "-", "linux"], True),
        (["agetty", "-a", "worker", "-", "linux"], True),
        (["agetty", "-aworker", "-", "linux"], True),
        ([], False),
    ],
)
def test_every_spelling_of_agettys_option_is_seen(arguments: list[str], expected: bool) -> None:
    command = ("/sbin/agetty", arguments, True, 0, 0, 0, 0, 0, 0, 0)
    assert starts_with_autologin([command]) is expected


@pytest.mark.parametrize(
    "value", [None, 3, [3], [("/sbin/agetty",)], [("x", [4])], [("x", [1, 2])]]
)
def test_what_is_no_list_of_commands_is_a_conflict(value: Any) -> None:
    if value == [("x", [4])]:
        assert not starts_with_autologin(value), "the program's own name is not looked at"
        return
    with pytest.raises(SourceConflictError):
        starts_with_autologin(value)


@pytest.mark.parametrize(("options", "expected"), [((), False), (("--autologin", "worker"), True)])
def test_the_command_lines_come_over_a_real_bus(
    system_bus: MessageBus, options: tuple[str, ...], expected: bool
) -> None:
    paths = [f"{UNITS}/getty_40tty{number}_2eservice" for number in range(1, 7)]
    systemd = system_bus.service(SYSTEMD, paths[0], SERVICE)
    command = ("/sbin/agetty", ["/sbin/agetty", *options, "-"], True, 0, 0, 0, 0, 0, 0, 0)
    systemd.mock("AddProperty", "ssv", UNIT, "ActiveState", ("s", "active"))
    systemd.mock("AddProperty", "ssv", SERVICE, "ExecStart", (COMMANDS, [command]))
    for path in paths[1:]:
        systemd.mock("AddObject", "ssa{sv}a(ssss)", path, SERVICE, {}, [])
        systemd.mock("AddProperty", "ssv", SERVICE, "ExecStart", (COMMANDS, []), path=path)
    assert consoles_log_in(LinuxHost(b"a key for this test")) is expected


def test_nobodys_name_leaves_the_laptop() -> None:
    machines = (REPOSITORY / "tests" / "recordings" / "linux").glob("login_*/machine.json")
    for machine in machines:
        (reading,) = collect(load(machine), [SIGNAL])
        told = json.dumps([reading.facts, reading.reason, [str(each) for each in reading.sources]])
        assert "worker" not in told, machine.parent.name
