"""What one side writes, the other reads: every message of the contract, every signal's facts."""

import contextlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passmuster_collectors.contract import codec, strict_json
from passmuster_collectors.contract.canonical import (
    base64url,
    canonical_bytes,
    digest,
    from_base64url,
)
from passmuster_collectors.contract.enrolment import (
    Enrolled,
    EnrolmentChallenge,
    EnrolmentFinish,
    EnrolmentProof,
    EnrolmentStart,
    PublicKey,
)
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.problem import Problem
from passmuster_collectors.contract.reading import Reading
from passmuster_collectors.contract.report import Record, Upload
from passmuster_collectors.contract.verdict import Answer, Remedy, SignalVerdict
from passmuster_collectors.signals import CATALOG
from passmuster_collectors.signals.automatic_login.facts import AutomaticLoginFacts
from passmuster_collectors.signals.disk_encryption.facts import DiskEncryptionFacts
from passmuster_collectors.signals.firewall.facts import FirewallFacts
from passmuster_collectors.signals.idle_logoff.facts import IdleLogoffFacts
from passmuster_collectors.signals.remote_access.facts import RemoteAccessFacts
from passmuster_collectors.signals.screen_lock.facts import ScreenLockFacts
from passmuster_collectors.signals.secure_boot.facts import SecureBootFacts
from passmuster_collectors.signals.system_updates.facts import SystemUpdatesFacts
from passmuster_collectors.signals.usb_devices.facts import UsbDevicesFacts
from passmuster_collectors.signals.wifi_security.facts import WifiSecurityFacts
from tests.support.strategies import json_values, messages

MESSAGES = (
    Answer,
    Enrolled,
    EnrolmentChallenge,
    EnrolmentFinish,
    EnrolmentProof,
    EnrolmentStart,
    Problem,
    PublicKey,
    Reading,
    Record,
    Remedy,
    SignalVerdict,
    Upload,
)
FACTS = (
    AutomaticLoginFacts,
    DiskEncryptionFacts,
    FirewallFacts,
    IdleLogoffFacts,
    RemoteAccessFacts,
    ScreenLockFacts,
    SecureBootFacts,
    SystemUpdatesFacts,
    UsbDevicesFacts,
    WifiSecurityFacts,
)

every_message = pytest.mark.parametrize("kind", [*MESSAGES, *FACTS], ids=lambda kind: kind.__name__)
# A message with lists of messages is large; that is no sign of a bad strategy.
patiently = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def test_the_facts_of_every_signal_in_the_catalog_are_tried() -> None:
    assert {signal.facts for signal in CATALOG} <= set(FACTS)


@every_message
@given(data=st.data())
@patiently
def test_what_is_written_is_read_back_the_same(kind: type, data: st.DataObject) -> None:
    message = data.draw(messages(kind))
    written = canonical_bytes(codec.encode(message))
    assert codec.decode(kind, strict_json.parse(written)) == message
    assert canonical_bytes(codec.encode(codec.decode(kind, strict_json.parse(written)))) == written


@every_message
@given(data=st.data())
@patiently
def test_whatever_else_arrives_is_refused_by_one_error_and_no_other(
    kind: type, data: st.DataObject
) -> None:
    with contextlib.suppress(ContractError):
        codec.decode(kind, data.draw(json_values))


@every_message
@given(data=st.data())
@patiently
def test_a_message_with_one_field_of_another_type_is_refused_by_that_fields_name(
    kind: type, data: st.DataObject
) -> None:
    written: dict[str, Any] = codec.encode(data.draw(messages(kind)))
    field = data.draw(st.sampled_from(sorted(written)))
    written[field] = 1.5  # the contract has no number with a fraction
    with pytest.raises(ContractError) as refused:
        codec.decode(kind, written)
    assert refused.value.field == field


@given(json_values)
def test_equal_values_have_equal_bytes_whatever_the_order_of_their_keys(value: Any) -> None:
    assert canonical_bytes(_reversed(value)) == canonical_bytes(value)
    assert strict_json.parse(canonical_bytes(value)) == value


def _reversed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _reversed(value[key]) for key in reversed(list(value))}
    return [_reversed(item) for item in value] if isinstance(value, list) else value


def test_canonical_bytes_are_those_of_rfc_8785() -> None:
    value = {"b": [True, None], "a": "ü€\n", "1": -7}
    assert canonical_bytes(value) == '{"1":-7,"a":"ü€\\n","b":[true,null]}'.encode()


def test_a_digest_is_sha_256_in_hexadecimal() -> None:
    # FIPS 180-2, appendix B.1
    assert digest(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@given(st.binary(max_size=100))
def test_base64url_is_read_back(data: bytes) -> None:
    assert from_base64url(base64url(data), "field") == data


@pytest.mark.parametrize("text", ["a", "YQ==", "YW+/", "YQ\n", "Yé", "YR", " YQ"])
def test_what_is_not_canonical_base64url_is_refused_by_name(text: str) -> None:
    with pytest.raises(ContractError, match="nonce: not base64url"):
        from_base64url(text, "nonce")
