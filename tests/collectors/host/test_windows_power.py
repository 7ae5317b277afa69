"""Settings of the active power scheme."""

from typing import Any

import pytest

from passmuster_collectors.host.base import SourceConflictError, SourceMissingError
from passmuster_collectors.host.windows_answers import PowerValue
from passmuster_collectors.host.windows_power import read_setting
from tests.support.windows_tables import Memory, refusing

VIDEO, VIDEO_IDLE = "7516b95f-f776-4464-8c53-06167f40cc99", "3c0bc021-c8a8-4e07-a973-6b14cbcb2b7e"


def functions(memory: Memory, **others: Any) -> dict[str, Any]:
    def value(number: int) -> Any:
        def tell(*given: Any) -> int:
            given[-1]._obj.value = number
            return 0

        return tell

    return {
        "PowerGetActiveScheme": lambda _, found: memory.hand_out(found, bytes(16)),
        "PowerReadACValueIndex": value(600),
        "PowerReadDCValueIndex": value(300),
        "LocalFree": memory.free,
        **others,
    }


def test_both_sources_of_power_are_told() -> None:
    memory = Memory()
    assert read_setting(functions(memory), VIDEO, VIDEO_IDLE) == PowerValue(ac=600, dc=300)
    assert memory.all_given_back


def test_a_setting_that_this_computer_does_not_have_is_missing() -> None:
    memory = Memory()
    with pytest.raises(SourceMissingError, match=VIDEO_IDLE):
        read_setting(functions(memory, PowerReadDCValueIndex=refusing(2)), VIDEO, VIDEO_IDLE)
    assert memory.all_given_back


def test_what_is_no_identifier_is_a_conflict() -> None:
    with pytest.raises(SourceConflictError):
        read_setting(functions(Memory()), "VIDEO", VIDEO_IDLE)
