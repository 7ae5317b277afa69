"""What a worker is told to do about every problem, on every system, and which page it opens.

The table names, for every problem that a Mac or a PC can have, the page of the settings where it is
put right. `NO_PAGE`: no page does it (a restart, a device to unplug, IT). `NOT_HERE`: that system
can't have this problem, so no rule may find it there. Linux has no links to its settings.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.runner import collect
from passmuster_collectors.signals import CATALOG, signal_by_id
from tests.support.recorded_host import load
from tests.support.tools import REPOSITORY

MACHINES = REPOSITORY / "tests" / "recordings"
MOST_STEPS, LONGEST_STEP = 4, 110

NO_PAGE, NOT_HERE = "no page", "not here"
APPLE = "x-apple.systempreferences:com.apple."
FILEVAULT = f"{APPLE}settings.PrivacySecurity.extension?FileVault"
PRIVACY = f"{APPLE}settings.PrivacySecurity.extension"
MAC_WIFI = f"{APPLE}wifi-settings-extension"
MAC_LOCK = f"{APPLE}Lock-Screen-Settings.extension"
MAC_USERS = f"{APPLE}Users-Groups-Settings.extension"
MAC_FIREWALL = f"{APPLE}Network-Settings.extension?Firewall"
MAC_UPDATE = f"{APPLE}Software-Update-Settings.extension"
MAC_LOGIN_ITEMS = f"{APPLE}LoginItems-Settings.extension"
MAC_SHARING = f"{APPLE}Sharing-Settings.extension"
ENCRYPTION, WIFI = "ms-settings:deviceencryption", "ms-settings:network-wifi"
LOCATION, LOCK = "ms-settings:privacy-location", "ms-settings:lockscreen"
SIGN_IN, FIREWALL = "ms-settings:signinoptions", "windowsdefender://network/"
UPDATE, STARTUP = "ms-settings:windowsupdate", "ms-settings:startupapps"
REMOTE_DESKTOP, RECOVERY = "ms-settings:remotedesktop", "ms-settings:recovery"

NOWHERE = (NOT_HERE, NOT_HERE)
NONE = (NO_PAGE, NO_PAGE)
FAMILIES = ("gnome", "kde", "xfce", "cinnamon", "mate", "wayland", "x11")

PAGES: dict[str, dict[str, tuple[str, str]]] = {
    "disk_encryption": {
        "system_unencrypted": (FILEVAULT, ENCRYPTION),
        "only_home_encrypted": NOWHERE,
        "volume_unencrypted": NONE,
        "swap_unencrypted": NOWHERE,
        "key_exposed": (NOT_HERE, ENCRYPTION),
        "suspended": (NOT_HERE, NO_PAGE),
        "decrypting": (FILEVAULT, ENCRYPTION),
        "encrypting": (FILEVAULT, NO_PAGE),
        "method_forbidden": NONE,
        "volume_unclear": NONE,
        "system_missing": NONE,
        "unreadable": NONE,
    },
    "wifi_security": {
        **dict.fromkeys(
            ("open", "wep", "wpa1", "forbidden", "weak_cipher", "server_unchecked"),
            (MAC_WIFI, WIFI),
        ),
        "server_unclear": (MAC_WIFI, WIFI),
        "unclear": (MAC_WIFI, LOCATION),
        "unclear_vpn": (MAC_WIFI, WIFI),
        "unreadable": (MAC_WIFI, LOCATION),
    },
    "screen_lock": {
        "never_locks": (MAC_LOCK, LOCK),
        "locks_too_late": (MAC_LOCK, LOCK),
        **{f"never_locks_{each}": NOWHERE for each in FAMILIES},
        **{f"locks_too_late_{each}": NOWHERE for each in FAMILIES},
        "inhibited": NONE,
        "unclear": NONE,
        "unreadable": NONE,
    },
    "usb_devices": {
        "forbidden": NONE,
        "unknown_storage": NONE,
        "unknown_keyboard": NONE,
        "unclear_storage": NONE,
        "unclear_keyboard": NONE,
        "keyboard_and_storage": NONE,
        "keyboard_and_network": NONE,
        "keyboard_and_serial": NONE,
        "second_keyboard": NONE,
        "identity_changed_on_port": NONE,
        "known_attack_id": NONE,
        "vanished_keyboard": NONE,
        "cloned_identity": NONE,
        "unreadable": NONE,
    },
    "idle_logoff": {
        "never_graphical": (MAC_LOCK, LOCK),
        "too_late_graphical": (MAC_LOCK, LOCK),
        "not_ended_graphical": (PRIVACY, NO_PAGE),
        "never_terminal": NONE,
        "too_late_terminal": NONE,
        "never_remote": NONE,
        "too_late_remote": NONE,
        "unclear": NONE,
        "unreadable": NONE,
    },
    "automatic_login": {
        "desktop": (MAC_USERS, SIGN_IN),
        "console": NOWHERE,
        "unclear": NONE,
        "unreadable": NONE,
    },
    "firewall": {
        "open": (MAC_FIREWALL, FIREWALL),
        "unclear": (MAC_FIREWALL, FIREWALL),
        "unreadable": (MAC_FIREWALL, FIREWALL),
    },
    "system_updates": {
        "pending": (MAC_UPDATE, UPDATE),
        "not_supported": (MAC_UPDATE, UPDATE),
        "not_checked": (MAC_UPDATE, UPDATE),
        "restart": NONE,
        "uncounted": (MAC_UPDATE, UPDATE),
        "support_unknown": (MAC_UPDATE, UPDATE),
        "unclear": (MAC_UPDATE, UPDATE),
        "unreadable": (MAC_UPDATE, UPDATE),
    },
    "remote_access": {
        "running": (MAC_LOGIN_ITEMS, STARTUP),
        "shared": (MAC_SHARING, REMOTE_DESKTOP),
        "unclear": (MAC_SHARING, REMOTE_DESKTOP),
        "unreadable": NONE,
    },
    "secure_boot": {
        "off": (NO_PAGE, RECOVERY),
        "setup": (NOT_HERE, RECOVERY),
        "bypassed": NOWHERE,
        "reduced": (NO_PAGE, NOT_HERE),
        "not_uefi": NONE,
        "no_lockdown": NOWHERE,
        "unclear": NONE,
        "unreadable": NONE,
    },
}
LINUX_HAS_NOT = {("disk_encryption", "suspended"), ("secure_boot", "reduced")}
SCHEMES = {
    Platform.MACOS: ("x-apple.systempreferences:com.apple.",),
    Platform.WINDOWS: ("ms-settings:", "windowsdefender:"),
}
EVERY = [
    pytest.param(signal.id, problem, platform, id=f"{platform}-{signal.id}-{problem}")
    for signal in CATALOG
    for problem in signal.problems
    for platform in Platform
]
MAC, PC = 0, 1


def expected(signal: str, problem: str, platform: Platform) -> str:
    if platform is Platform.LINUX:
        return NOT_HERE if (signal, problem) in LINUX_HAS_NOT else NO_PAGE
    return PAGES[signal][problem][MAC if platform is Platform.MACOS else PC]


def test_the_table_is_about_every_problem_that_a_rule_can_find() -> None:
    known = {signal.id: set(signal.problems) for signal in CATALOG}
    assert {signal: set(problems) for signal, problems in PAGES.items()} == known


@pytest.mark.parametrize(("name", "problem", "platform"), EVERY)
def test_a_worker_is_told_what_to_do_and_taken_to_the_page(
    name: str, problem: str, platform: Platform
) -> None:
    remedy = signal_by_id(name).problems[problem].remedy.get(platform)
    page = expected(name, problem, platform)
    if page == NOT_HERE:
        assert remedy is None, "the table says that this system can't have it"
        return
    assert remedy is not None, "no way to put it right"
    assert remedy.steps
    assert remedy.link == (None if page == NO_PAGE else page)


@pytest.mark.parametrize(("name", "problem", "platform"), EVERY)
def test_the_steps_are_few_and_short(name: str, problem: str, platform: Platform) -> None:
    remedy = signal_by_id(name).problems[problem].remedy.get(platform)
    if remedy is None:
        return
    assert len(remedy.steps) <= MOST_STEPS
    assert len(set(remedy.steps)) == len(remedy.steps)
    assert [step for step in remedy.steps if len(step) > LONGEST_STEP] == []


@pytest.mark.parametrize(("name", "problem", "platform"), EVERY)
def test_a_link_is_one_that_its_system_opens(name: str, problem: str, platform: Platform) -> None:
    remedy = signal_by_id(name).problems[problem].remedy.get(platform)
    if remedy is not None and remedy.link is not None:
        assert remedy.link.startswith(SCHEMES[platform])


def recorded() -> list[Any]:
    return [
        pytest.param(path.parent, signal, id=f"{path.parent.name}-{signal}")
        for path in sorted(MACHINES.glob("*/*/expected.json"))
        for signal in json.loads(path.read_text(encoding="utf-8"))
    ]


@pytest.mark.parametrize(("machine", "name"), recorded())
def test_whatever_a_recorded_machine_fails_for_has_steps_on_its_own_system(
    machine: Path, name: str
) -> None:
    signal = signal_by_id(name)
    host = load(machine / "machine.json")
    (reading,) = collect(host, [signal])
    findings = signal.judge(reading, signal.limits()).findings
    without = [each.problem for each in findings if signal.remedy(each, host.platform) is None]
    assert without == []
