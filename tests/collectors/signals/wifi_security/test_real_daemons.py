"""The real NetworkManager and wpa_supplicant: names, types and refusals as they really are."""

from pathlib import Path
from typing import Any

import pytest

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.host import linux_bus
from passmuster_collectors.host.base import Bus, SourceMissingError
from passmuster_collectors.host.linux import LinuxHost
from passmuster_collectors.signals.wifi_security.linux import networkmanager, supplicant
from passmuster_collectors.signals.wifi_security.linux.server_check import (
    by_networkmanager,
    by_supplicant,
)
from tests.support import wifi_daemons
from tests.support.message_bus import MessageBus

PROFILE = """[connection]
id=Office
uuid=11111111-2222-3333-4444-55555555555{number}
type=wifi
[wifi]
ssid=Office
[wifi-security]
key-mgmt=wpa-eap
[802-1x]
eap={methods}
identity=ana
password=secret
phase2-auth=mschapv2
{check}
[ipv4]
method=auto
"""

CHECKS: list[tuple[str, str, bool | Unknown]] = [
    ("peap;", "ca-cert=/opt/radius/ca.pem", True),
    ("peap;", "", False),
    ("ttls;", "system-ca-certs=true", False),
    ("ttls;", "system-ca-certs=true\ndomain-suffix-match=radius.test", True),
    ("peap;", "ca-cert=/etc/ssl/certs/ca-certificates.crt", False),
    ("pwd;", "", True),
    ("peap;leap;", "ca-cert=/opt/radius/ca.pem", False),
    ("fast;", "", UNKNOWN),
]


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> LinuxHost:
    # Daemons that were just started on a busy machine take longer than a laptop's.
    monkeypatch.setattr(linux_bus, "CALL_TIMEOUT_S", 30.0)
    return LinuxHost(b"k" * 16)


def test_profiles_say_through_a_real_networkmanager_whether_the_server_is_checked(
    system_bus: MessageBus, host: LinuxHost, tmp_path: Path
) -> None:
    profiles = {
        f"office{number}": PROFILE.format(number=number, methods=methods, check=check)
        for number, (methods, check, _) in enumerate(CHECKS)
    }
    settings = f"{networkmanager.ROOT}/Settings"
    with wifi_daemons.networkmanager(system_bus, tmp_path, profiles):
        (paths,) = host.bus_call(
            Bus.SYSTEM,
            networkmanager.NAME,
            settings,
            f"{networkmanager.NAME}.Settings",
            "ListConnections",
        )
        found: dict[int, Any] = {}
        for path in paths:
            (profile,) = host.bus_call(
                Bus.SYSTEM, networkmanager.NAME, path, networkmanager.PROFILE, "GetSettings"
            )
            found[int(profile["connection"]["uuid"][-1])] = profile["802-1x"]
    answers = [by_networkmanager(found[number]) for number in range(len(CHECKS))]
    assert answers == [expected for _, _, expected in CHECKS]
    assert all("password" not in section for section in found.values())


def test_a_real_networkmanager_says_which_interfaces_are_not_its_radios(
    system_bus: MessageBus, host: LinuxHost, tmp_path: Path
) -> None:
    with wifi_daemons.networkmanager(system_bus, tmp_path, {}):
        for name in ("wired0", "no-such0"):
            with pytest.raises(SourceMissingError):
                networkmanager.read_networkmanager(host, name)
        primary = host.bus_get(
            Bus.SYSTEM,
            networkmanager.NAME,
            networkmanager.ROOT,
            networkmanager.NAME,
            "PrimaryConnectionType",
        )
    assert primary == ""


def test_a_real_wpa_supplicant_that_does_not_run_the_interface_is_no_contradiction(
    system_bus: MessageBus, host: LinuxHost, tmp_path: Path
) -> None:
    with (
        wifi_daemons.wpa_supplicant(system_bus, tmp_path),
        pytest.raises(SourceMissingError, match="InterfaceUnknown"),
    ):
        supplicant.read_supplicant(host, "wired0")


def test_a_real_wpa_supplicant_tells_its_networks_and_that_it_has_joined_none(
    system_bus: MessageBus, host: LinuxHost, tmp_path: Path
) -> None:
    def call(path: str, interface: str, member: str, **values: tuple[str, Any]) -> Any:
        (found,) = host.bus_call(
            Bus.SYSTEM, supplicant.NAME, path, interface, member, "a{sv}", (values,)
        )
        return found

    def checked(path: str, **values: tuple[str, Any]) -> bool | Unknown:
        network = call(
            path, supplicant.INTERFACE, "AddNetwork", key_mgmt=("s", "IEEE8021X"), **values
        )
        properties = host.bus_get(
            Bus.SYSTEM, supplicant.NAME, network, supplicant.NETWORK, "Properties"
        )
        return by_supplicant(properties)

    with wifi_daemons.wpa_supplicant(system_bus, tmp_path):
        path = call(
            supplicant.ROOT,
            supplicant.NAME,
            "CreateInterface",
            Ifname=("s", "wired0"),
            Driver=("s", "wired"),
        )
        assert supplicant.read_supplicant(host, "wired0") is None
        peap = ("s", "PEAP")
        assert checked(path, eap=peap, ca_cert=("s", "/opt/radius/ca.pem")) is True
        assert checked(path, eap=peap) is False
        public = ("s", "/etc/ssl/certs/ca-certificates.crt")
        assert checked(path, eap=peap, ca_cert=public) is False
        named = ("s", "radius.test")
        assert checked(path, eap=peap, ca_cert=public, domain_suffix_match=named) is True
        assert checked(path, eap=("s", "PWD")) is True
