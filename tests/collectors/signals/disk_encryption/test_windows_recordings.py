"""What Windows says of BitLocker, as recorded outputs show it.

The texts for people are not read. What they say in words goes through the reader as the numbers
that the same Windows returns by its methods.
"""

import json
from typing import Any

import pytest

from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.runner import collect
from passmuster_collectors.signals.disk_encryption import SIGNAL
from passmuster_collectors.signals.disk_encryption.facts import State
from passmuster_collectors.signals.disk_encryption.windows.encryptable import (
    note,
    parse_volume,
    state,
)
from passmuster_collectors.signals.disk_encryption.windows.fallback import (
    shell_state,
    status_state,
)
from tests.support.recorded_host import RecordedHost
from tests.support.recordings import recorded_case

OUTCOMES = {
    "pass": {State.ENCRYPTED},
    "transitioning": {State.ENCRYPTING},
    "fail": {State.UNENCRYPTED, State.SUSPENDED, State.KEY_EXPOSED, State.DECRYPTING},
    "unknown": {State.UNKNOWN},
}
CONVERSIONS = {"FullyEncrypted": 1, "EncryptionInProgress": 2}
PROTECTIONS = {"off": 0, "on": 1}
PROTECTORS = {"Tpm": 1, "TPM": 1, "RecoveryPassword": 3, "NumericalPassword": 3}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("wmi_on", State.ENCRYPTED),
        ("wmi_suspended", State.SUSPENDED),
        ("wmi_used_space_only", State.ENCRYPTED),
        ("wmi_encrypting_rounds_to_100", State.ENCRYPTING),
        ("wmi_locked_data_volume", State.UNKNOWN),
        ("wmi_cached_property_stale_win11_26100", State.UNENCRYPTED),
    ],
)
def test_the_methods(name: str, expected: State) -> None:
    case = recorded_case(f"windows/disk_encryption/{name}")
    volume = parse_volume(json.loads(case.text))
    assert state(volume) is expected
    assert expected in OUTCOMES[case.outcome or ""]
    assert note(volume) == ("used space only" if name == "wmi_used_space_only" else "")


@pytest.mark.parametrize(
    "name",
    [
        "get_bitlockervolume_list_on",
        "get_bitlockervolume_suspended",
        "manage_bde_de_on_used_space",
        "manage_bde_en_encrypting_99_protection_off",
        "manage_bde_en_preprovisioned_converting",
        "manage_bde_en_used_space_only_no_protectors",
    ],
)
def test_what_tools_say_in_words_is_judged_by_the_numbers_behind_it(name: str) -> None:
    case = recorded_case(f"windows/disk_encryption/{name}")
    volume = parse_volume(numbers(dict(case.facts)))
    assert state(volume) in OUTCOMES[case.outcome or ""]


def numbers(facts: dict[str, Any]) -> dict[str, Any]:
    return {
        "DriveLetter": "C:",
        "VolumeType": 0,
        "GetProtectionStatus": {
            "ReturnValue": 0,
            "ProtectionStatus": PROTECTIONS[facts["protection"]],
        },
        "GetConversionStatus": {
            "ReturnValue": 0,
            "ConversionStatus": CONVERSIONS[facts.get("conversion", "FullyEncrypted")],
            "EncryptionFlags": int(facts.get("used_space_only", False)),
        },
        "KeyProtectorTypes": [PROTECTORS[each] for each in facts.get("protectors", ["Tpm"])],
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("shell_property_0", None),
        ("shell_property_3", State.ENCRYPTING),
        ("shell_property_4", State.DECRYPTING),
        ("shell_property_5", None),
    ],
)
def test_the_padlock_of_the_explorer_is_believed_where_it_is_bad_news(
    name: str, expected: State | None
) -> None:
    case = recorded_case(f"windows/disk_encryption/{name}")
    assert shell_state(int(case.text)) is expected


def test_the_padlock_being_on_proves_nothing() -> None:
    assert shell_state(1) is None


def test_the_exit_status_of_manage_bde() -> None:
    case = json.loads(recorded_case("windows/disk_encryption/manage_bde_p_exitcodes").text)
    assert status_state(case["rc_protected"]) is State.ENCRYPTED
    assert status_state(case["rc_not_protected"]) is None


@pytest.mark.parametrize("status", [0xFFFFFFFF, 2, 0x80070005])
def test_a_manage_bde_that_is_refused_is_not_one_that_says_off(status: int) -> None:
    case = recorded_case("windows/disk_encryption/manage_bde_access_denied")
    machine = {
        "platform": "windows",
        "storage_volumes": [{"name": "x", "mounts": ["C:\\"], "is_system": True}],
        "programs": {
            "POWERSHELL # BitLocker": {"error": "missing"},
            "MANAGE_BDE -status C: -protectionaserrorlevel": {
                "status": status,
                "stdout": case.text,
            },
        },
    }
    (reading,) = collect(RecordedHost(machine), [SIGNAL])
    assert SIGNAL.judge(reading, SIGNAL.limits()).outcome is Outcome.UNKNOWN
