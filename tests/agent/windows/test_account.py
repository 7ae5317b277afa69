"""Who this process is to Windows, told by simulated functions."""

import ctypes
from typing import Any

import pytest

from passmuster_agent.windows import account, folders
from passmuster_agent.windows.account import SidAndAttributes

ANA = "S-1-5-21-1004336348-1177238915-682003330-1001"


class SimulatedToken:
    """An access token of an account, elevated or not."""

    def __init__(self, *, elevated: bool = False, refused: bool = False) -> None:
        self.elevated = elevated
        self.refused = refused
        self.open = 0
        self._text = ctypes.create_unicode_buffer(ANA)

    def functions(self) -> dict[str, Any]:
        return {
            "GetCurrentProcess": lambda: 2**64 - 1,
            "OpenProcessToken": self._open,
            "GetTokenInformation": self._tell,
            "CloseHandle": self._close,
            "ConvertSidToStringSidW": self._convert,
            "LocalFree": lambda _: None,
        }

    def _open(self, process: int, wanted: int, place: Any) -> int:
        assert wanted == 0x8
        self.open += 1
        place._obj.value = 99
        return int(not self.refused)

    def _tell(self, token: Any, kind: int, held: Any, size: int, needed: Any) -> int:
        if kind == 1:
            SidAndAttributes.from_buffer(held).Sid = 4711
        else:
            assert (kind, size) == (20, 4)
            ctypes.c_uint32.from_buffer(held).value = int(self.elevated)
        return 1

    def _close(self, token: Any) -> int:
        self.open -= 1
        return 1

    def _convert(self, sid: int, place: Any) -> int:
        assert sid == 4711
        place._obj.value = self._text.value
        return 1


def test_the_account_is_told_by_its_sid() -> None:
    token = SimulatedToken()
    assert account.read_own_sid(token.functions()) == ANA
    assert token.open == 0, "the token is closed again"


@pytest.mark.parametrize("elevated", [True, False])
def test_an_administrators_rights_are_seen(*, elevated: bool) -> None:
    assert account.read_is_elevated(SimulatedToken(elevated=elevated).functions()) is elevated


def test_a_token_that_cannot_be_opened_is_an_error() -> None:
    with pytest.raises(OSError, match="OpenProcessToken"):
        account.read_own_sid(SimulatedToken(refused=True).functions())


def test_a_services_sid_is_made_of_its_name() -> None:
    # Published in Microsoft's own documents for Windows' module installer.
    assert account.service_sid("TrustedInstaller") == (
        "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
    )
    assert account.service_sid("trustedinstaller") == account.service_sid("TrustedInstaller")


def test_a_known_folder_is_asked_for_by_its_number() -> None:
    asked: list[bytes] = []
    freed: list[Any] = []
    kept = ctypes.create_unicode_buffer("C:\\ProgramData")

    def find(folder: Any, _flags: int, _token: Any, place: Any) -> int:
        asked.append(bytes(folder._obj))
        place._obj.value = kept.value
        return 0

    functions: dict[str, Any] = {"SHGetKnownFolderPath": find, "CoTaskMemFree": freed.append}
    assert str(folders.known_folder(folders.PROGRAM_DATA, functions)) == "C:\\ProgramData"
    assert asked == [bytes.fromhex("825dab62c1fdc34da9dd070d1d495d97")]
    assert len(freed) == 1


def test_a_folder_that_windows_does_not_know_is_an_error() -> None:
    functions: dict[str, Any] = {
        "SHGetKnownFolderPath": lambda *_: 0x80070002,
        "CoTaskMemFree": lambda _: None,
    }
    with pytest.raises(OSError, match="0x80070002"):
        folders.known_folder(folders.PROGRAM_DATA, functions)
