"""What nl80211 says of an interface, in messages as the kernel writes them.

Numbers: include/uapi/linux/nl80211.h. There is no Wi-Fi where the tests run, so the last step, the
kernel's own Wi-Fi layer, is asked for its absence.
"""

import struct
from collections.abc import Mapping
from pathlib import Path

import pytest

from passmuster_collectors.host import linux_wireless
from passmuster_collectors.host.answers import AccessPoint, WirelessState
from passmuster_collectors.host.base import SourceConflictError, SourceMissingError
from passmuster_collectors.host.linux_wireless import GET_INTERFACE, GET_SCAN, GET_STATION, Wireless
from passmuster_collectors.host.netlink import GENERIC, GENERIC_HEADER, Netlink, attribute

ADDRESS = bytes.fromhex("00c0ca000001")
BEACON = bytes.fromhex("0004486f6d65")
STATION, ACCESS_POINT_MODE, MONITOR = 2, 3, 6
AUTHENTICATED, ASSOCIATED = 0, 1
PROTECTED = 1 << 4

Answers = Mapping[int, list[bytes] | Exception]


class WrittenKernel(Netlink):
    """Answers each command with what was written down."""

    def __init__(self, answers: Answers) -> None:
        super().__init__(GENERIC, "nl80211")
        self.answers = answers

    def family(self, name: str) -> int:
        assert name == "nl80211"
        return 0x1C

    def ask(self, kind: int, body: bytes, *, dump: bool = False) -> list[bytes]:
        assert kind == 0x1C
        command = GENERIC_HEADER.unpack_from(body)[0]
        assert dump is (command == GET_SCAN)
        assert self.nested(body[GENERIC_HEADER.size :])[3] == struct.pack("=I", 7)
        answer = self.answers[command]
        if isinstance(answer, Exception):
            raise answer
        return answer


def word(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("=I", value))


def answer(*parts: bytes) -> bytes:
    return GENERIC_HEADER.pack(0, 1, 0) + b"".join(parts)


def interface(mode: int) -> bytes:
    return answer(word(3, 7), attribute(4, b"wlan0\0"), word(5, mode))


def point(status: int | None, elements: bytes = BEACON, *, beacon: bytes = b"") -> bytes:
    parts = [attribute(1, ADDRESS), attribute(5, struct.pack("=H", 0x411)), attribute(6, elements)]
    if status is not None:
        parts.append(word(9, status))
    if beacon:
        parts.append(attribute(11, beacon))
    return answer(attribute(47 | 0x8000, b"".join(parts)))


def station(flags: tuple[int, int] | None, *rates: bytes) -> bytes:
    parts = [attribute(8, rate) for rate in rates]
    if flags is not None:
        parts.append(attribute(17, struct.pack("=II", *flags)))
    return answer(attribute(6, ADDRESS), attribute(21 | 0x8000, b"".join(parts)))


OLD_RATE = attribute(1, struct.pack("=H", 540))
FAST_RATE = OLD_RATE + attribute(2, b"\x07")
ORDINARY = station((PROTECTED, 0), FAST_RATE)


def state(answers: Answers) -> WirelessState:
    with WrittenKernel(answers) as kernel:
        return Wireless(kernel, 7).state()


def test_the_access_point_that_is_joined_is_the_one_of_that_status() -> None:
    scan = [
        point(None, b"\x00\x05Other"),
        point(AUTHENTICATED, b"\x00\x05Nearly"),
        point(ASSOCIATED),
    ]
    found = state({GET_INTERFACE: [interface(STATION)], GET_SCAN: scan, GET_STATION: [ORDINARY]})
    assert found == WirelessState(True, (AccessPoint(0x411, BEACON, False, True),))


def test_a_beacon_says_more_than_a_probe_response() -> None:
    scan = [point(ASSOCIATED, b"\x00\x00", beacon=BEACON)]
    found = state({GET_INTERFACE: [interface(STATION)], GET_SCAN: scan, GET_STATION: [ORDINARY]})
    assert found.points[0].elements == BEACON


@pytest.mark.parametrize(
    ("told", "protected", "fast"),
    [
        (station((PROTECTED, PROTECTED), FAST_RATE), True, True),
        (station((PROTECTED, 0), OLD_RATE), False, False),
        (station((0, 0)), None, None),
        (station(None, OLD_RATE), None, False),
    ],
)
def test_the_link_shows_protection_and_rates_where_it_tells_them(
    told: bytes, protected: bool | None, fast: bool | None
) -> None:
    scan = [point(ASSOCIATED)]
    found = state({GET_INTERFACE: [interface(STATION)], GET_SCAN: scan, GET_STATION: [told]})
    (joined,) = found.points
    assert (joined.protected_management, joined.high_throughput) == (protected, fast)


def test_a_station_that_left_meanwhile_tells_nothing_of_the_link() -> None:
    scan = [point(ASSOCIATED)]
    gone = SourceMissingError("nl80211", "ENOENT")
    found = state({GET_INTERFACE: [interface(STATION)], GET_SCAN: scan, GET_STATION: gone})
    assert found.points == (AccessPoint(0x411, BEACON, None, None),)


@pytest.mark.parametrize("mode", [ACCESS_POINT_MODE, MONITOR])
def test_an_interface_that_serves_or_listens_joins_nothing(mode: int) -> None:
    assert state({GET_INTERFACE: [interface(mode)]}) == WirelessState(False, ())


def test_an_interface_that_has_joined_nothing_is_at_no_access_point() -> None:
    found = state({GET_INTERFACE: [interface(STATION)], GET_SCAN: [point(None)]})
    assert found == WirelessState(True, ())


def test_an_answer_that_is_cut_off_is_a_conflict() -> None:
    with pytest.raises(SourceConflictError):
        state({GET_INTERFACE: [interface(STATION)[:-2]]})


def test_an_interface_that_is_not_there_is_missing() -> None:
    with pytest.raises(SourceMissingError):
        linux_wireless.state("no-such0")


@pytest.mark.skipif(Path("/sys/class/ieee80211").exists(), reason="this machine has Wi-Fi")
def test_this_kernel_has_no_word_on_an_interface_without_wifi() -> None:
    with pytest.raises(SourceMissingError):
        linux_wireless.state("lo")
