"""Who is logged in to Windows."""

import ctypes
from typing import Any

import pytest

from passmuster_collectors.host import windows_sessions as sessions
from passmuster_collectors.host.base import SourceError
from passmuster_collectors.host.windows_answers import UserSession
from tests.support.windows_tables import Memory, refusing

# S-1-5-21-1-2-3-1001 as it lies in memory.
SID = bytes([1, 5, 0, 0, 0, 0, 0, 5]) + b"".join(
    part.to_bytes(4, "little") for part in (21, 1, 2, 3, 1001)
)


def info(state: int, flags: int) -> bytes:
    told = sessions.SessionInfoEx(Level=1)
    told.Data.SessionState, told.Data.SessionFlags = state, flags
    told.Data.LastInputTime, told.Data.CurrentTime = 100, 900
    return bytes(told)


class Terminal:
    """The services' session, a person's at the console, and one that waits for somebody."""

    def __init__(self) -> None:
        self.memory = Memory()
        wide = "a.very.long.name@example.org\0".encode("utf-16-le")
        self.answers = {
            (1, sessions.SESSION_INFO): info(0, 1),
            (1, sessions.USER_NAME): wide,
            (1, sessions.DOMAIN_NAME): "AzureAD\0".encode("utf-16-le"),
            (1, sessions.PROTOCOL): b"\0\0",
            (2, sessions.SESSION_INFO): info(1, -1),
            (2, sessions.USER_NAME): b"\0\0",
        }
        self.asked_for = ""

    def functions(self, **others: Any) -> dict[str, Any]:
        return {
            "WTSEnumerateSessionsW": self._list,
            "WTSQuerySessionInformationW": self._query,
            "WTSFreeMemory": self.memory.free,
            "LookupAccountNameW": self._look_up,
            **others,
        }

    def _list(self, _: Any, __: int, ___: int, found: Any, count: Any) -> int:
        count._obj.value = 3
        entries = (sessions.SessionEntry * 3)(
            *[sessions.SessionEntry(number) for number in range(3)]
        )
        self.memory.hand_out(found, bytes(entries))
        return 1

    def _query(self, _: Any, number: int, question: int, found: Any, size: Any) -> int:
        answer = self.answers.get((number, question), b"")
        size._obj.value = len(answer)
        self.memory.hand_out(found, answer)
        return 1

    def _look_up(self, _: Any, account: str, sid: Any, *rest: Any) -> int:
        self.asked_for = account
        ctypes.memmove(sid, SID, len(SID))
        return 1


def test_a_person_is_told_and_the_services_are_not() -> None:
    terminal = Terminal()
    expected = UserSession(1, 0, 0, 1, "S-1-5-21-1-2-3-1001", last_input=100, now=900)
    assert sessions.read_sessions(terminal.functions()) == (expected,)
    assert terminal.asked_for == "AzureAD\\a.very.long.name@example.org", "not cut off"
    assert terminal.memory.all_given_back


def test_an_account_that_is_not_found_has_no_identifier() -> None:
    (found,) = sessions.read_sessions(Terminal().functions(LookupAccountNameW=refusing(0)))
    assert found.sid == ""


def test_a_locked_session_and_one_of_which_it_is_not_told_differ() -> None:
    terminal = Terminal()
    terminal.answers[1, sessions.SESSION_INFO] = info(0, 0)
    (locked,) = sessions.read_sessions(terminal.functions())
    terminal.answers[1, sessions.SESSION_INFO] = info(0, -1)
    (not_told,) = sessions.read_sessions(terminal.functions())
    assert (locked.flags, not_told.flags) == (0, 0xFFFFFFFF)


@pytest.mark.parametrize("function", ["WTSEnumerateSessionsW", "WTSQuerySessionInformationW"])
def test_a_refusal_is_never_nobody(function: str) -> None:
    with pytest.raises(SourceError):
        sessions.read_sessions(Terminal().functions(**{function: refusing(0)}))


@pytest.mark.parametrize("length", [0, 7, len(SID) - 1])
def test_an_identifier_that_is_cut_off_is_none(length: int) -> None:
    assert sessions.sid_text(SID[:length]) == ""
