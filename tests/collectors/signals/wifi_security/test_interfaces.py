"""Interfaces that go away while they are asked, and names that hold a hardware address."""

import json
from typing import Any

import pytest

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.reading import Reading, Status
from passmuster_collectors.host.base import (
    SourceConflictError,
    SourceDeniedError,
    SourceError,
    SourceMissingError,
)
from passmuster_collectors.signals.wifi_security import linux
from passmuster_collectors.signals.wifi_security.linux.interfaces import is_gone, told_name
from tests.support.recorded_host import RecordedHost
from tests.support.tools import REPOSITORY

MACHINES = REPOSITORY / "tests" / "recordings" / "linux"
ADAPTER = "wlx00c0ca123456"


def machine(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((MACHINES / name / "machine.json").read_text("utf-8"))
    return found


class VanishingHost(RecordedHost):
    """A machine on which a container's interface is gone once it was listed."""

    def __init__(self, recorded: dict[str, Any], refusal: SourceError) -> None:
        listed = {"name": "veth1", "up": True, "default_route": False}
        recorded["network_interfaces"].append(listed)
        super().__init__(recorded)
        self._refusal = refusal

    def list_directory(self, path: str) -> tuple[str, ...]:
        if path.endswith("/veth1"):
            raise self._refusal
        found = super().list_directory(path)
        return (*found, "veth1") if path == "/sys/class/net" else found

    def read_file(self, path: str, *, limit: int = 1_048_576) -> bytes:
        if "/veth1/" in path:
            raise self._refusal
        return super().read_file(path, limit=limit)


def read(refusal: SourceError) -> Reading:
    return linux.read(VanishingHost(machine("wifi_wpa2"), refusal))


def test_an_interface_that_went_away_meanwhile_leaves_no_gap() -> None:
    reading = read(SourceMissingError("/sys/class/net/veth1/type", "ENOENT"))
    assert reading.status is Status.OK
    assert "veth1" not in str(reading.sources)


def test_one_that_is_being_taken_down_leaves_none_either() -> None:
    assert read(SourceConflictError("/sys/class/net/veth1/type", "EINVAL")).status is Status.OK


def test_one_that_is_there_and_refuses_is_a_gap() -> None:
    recorded = machine("wifi_wpa2")
    recorded["files"]["/sys/class/net/veth1/operstate"] = "up\n"
    host = VanishingHost(recorded, SourceDeniedError("/sys/class/net/veth1/type"))
    assert linux.read(host).status is Status.UNAVAILABLE
    assert not is_gone(host, "veth1", SourceDeniedError("x"))


@pytest.mark.parametrize("name", ["wlp2s0", "wlan0", "wlx", "wlx00c0ca12345", "xwlx00c0ca123456"])
def test_a_name_without_an_address_is_told_as_it_is(name: str) -> None:
    assert told_name(RecordedHost({}), name) == name


@pytest.mark.parametrize("prefix", ["wlx", "enx", "wwx"])
def test_an_address_in_a_name_is_hashed_and_stays_the_same(prefix: str) -> None:
    host = RecordedHost({})
    told = told_name(host, f"/sys/class/net/{prefix}00c0ca123456/type")
    assert "00c0ca123456" not in told
    assert told.startswith(f"/sys/class/net/{prefix}~")
    assert told == told_name(host, f"/sys/class/net/{prefix}00c0ca123456/type")
    assert told != told_name(host, f"/sys/class/net/{prefix}00c0ca123457/type")


def test_no_address_leaves_the_laptop_from_any_source() -> None:
    recorded = json.loads(json.dumps(machine("wifi_sources_disagree")).replace("wlp2s0", ADAPTER))
    recorded["files"]["/sys/class/net/enx00c0ca654321/type"] = {"error": "denied"}
    recorded["network_interfaces"].append({"name": "enx00c0ca654321", "up": True})
    text = json.dumps(codec.encode(linux.read(RecordedHost(recorded))))
    assert "wlx~" in text
    assert "enx~" in text
    assert "00c0ca" not in text
