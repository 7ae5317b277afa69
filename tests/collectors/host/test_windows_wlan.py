"""What wlanapi hands over is read to the last row and given back."""

import ctypes
from typing import Any

import pytest

from passmuster_collectors.host.base import (
    SourceConflictError,
    SourceDeniedError,
    SourceMissingError,
)
from passmuster_collectors.host.dll import guid
from passmuster_collectors.host.windows_answers import WirelessAdapter, WirelessConnection
from passmuster_collectors.host.windows_wlan import (
    ConnectionAttributes,
    InterfaceInfo,
    InterfaceList,
    adapters,
    connection,
    read_adapters,
)
from tests.support.windows_tables import Memory, refusing, table, written

FIRST, SECOND = "5f0e1a2b-0001-4000-8000-00000000000c", "5f0e1a2b-0001-4000-8000-00000000000d"


def attributes(authentication: int = 9, cipher: int = 4, ssid: bytes = b"Home") -> bytes:
    found = ConnectionAttributes()
    name = found.wlanAssociationAttributes.dot11Ssid
    name.uSSIDLength = len(ssid)
    name.ucSSID = (ctypes.c_uint8 * 32)(*ssid[:32])
    found.wlanSecurityAttributes.bSecurityEnabled = 1
    found.wlanSecurityAttributes.dot11AuthAlgorithm = authentication
    found.wlanSecurityAttributes.dot11CipherAlgorithm = cipher
    return bytes(found)


class Wlan:
    """Two adapters, of which the first is connected."""

    def __init__(self, answer: bytes, code: int = 0) -> None:
        self.memory = Memory()
        self.answer, self.code = answer, code
        self.closed = 0

    def functions(self, **others: Any) -> dict[str, Any]:
        rows = [
            InterfaceInfo(guid(FIRST), written("Intel", 256), 1),
            InterfaceInfo(guid(SECOND), written("Realtek", 256), 4),
        ]
        return {
            "WlanOpenHandle": lambda *_: 0,
            "WlanCloseHandle": self._close,
            "WlanEnumInterfaces": lambda _, __, found: self.memory.hand_out(
                found, table(InterfaceList, rows)
            ),
            "WlanQueryInterface": self._query,
            "WlanFreeMemory": self.memory.free,
            **others,
        }

    def _close(self, *_: Any) -> int:
        self.closed += 1
        return 0

    def _query(self, *arguments: Any) -> int:
        *_, size, data, _ = arguments
        if self.code == 0:
            size._obj.value = len(self.answer)
            self.memory.hand_out(data, self.answer)
        return self.code


def test_every_adapter_is_told_and_all_memory_given_back() -> None:
    wlan = Wlan(attributes())
    assert read_adapters(wlan.functions()) == (
        WirelessAdapter(
            FIRST,
            1,
            WirelessConnection(b"Home", security_enabled=True, authentication=9, cipher=4),
        ),
        WirelessAdapter(SECOND, 4),
    )
    assert wlan.memory.all_given_back
    assert wlan.closed == 1


def test_a_refusal_of_one_adapter_is_told_with_its_number() -> None:
    wlan = Wlan(b"", code=5)
    assert read_adapters(wlan.functions())[0] == WirelessAdapter(FIRST, 1, None, 5)
    assert wlan.memory.all_given_back


@pytest.mark.parametrize("length", [0, 4, ctypes.sizeof(ConnectionAttributes) - 1])
def test_an_answer_that_is_too_short_is_none(length: int) -> None:
    assert read_adapters(Wlan(attributes()[:length]).functions())[0].connection is None


def test_a_name_is_as_long_as_it_may_be_whatever_its_length_says() -> None:
    found = ConnectionAttributes.from_buffer_copy(attributes(ssid=b"x" * 32))
    found.wlanAssociationAttributes.dot11Ssid.uSSIDLength = 0xFFFFFFFF
    told = connection(bytes(found))
    assert told is not None
    assert told.ssid == b"x" * 32


@pytest.mark.parametrize(
    ("code", "kind"),
    [(5, SourceDeniedError), (1062, SourceMissingError), (87, SourceConflictError)],
)
def test_a_service_that_refuses_is_told_apart(code: int, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=str(code)):
        read_adapters(Wlan(b"").functions(WlanOpenHandle=refusing(code)))


def test_a_list_that_is_refused_still_closes_the_handle() -> None:
    wlan = Wlan(b"")
    with pytest.raises(SourceDeniedError):
        read_adapters(wlan.functions(WlanEnumInterfaces=refusing(5)))
    assert wlan.closed == 1


def test_a_list_that_is_not_there_is_a_conflict() -> None:
    with pytest.raises(SourceConflictError):
        read_adapters(Wlan(b"").functions(WlanEnumInterfaces=refusing(0)))


def test_elsewhere_it_is_missing() -> None:
    with pytest.raises(SourceMissingError):
        adapters()
