import pytest
from hypothesis import given
from hypothesis import strategies as st

from passmuster_agent.windows import security_descriptor
from passmuster_agent.windows.security_descriptor import DescriptorError, Entry
from tests.support.windows_security import FULL_CONTROL, descriptor, entry, sid

SYSTEM = "S-1-5-18"
ADMINISTRATORS = "S-1-5-32-544"
EVERYONE = "S-1-1-0"
ANA = "S-1-5-21-1004336348-1177238915-682003330-1001"

OURS = frozenset({SYSTEM, ADMINISTRATORS})


def test_owner_and_entries_are_read() -> None:
    found = security_descriptor.parse(descriptor(ADMINISTRATORS, [entry(SYSTEM), entry(ANA)]))
    assert found.owner == ADMINISTRATORS
    assert found.entries == (Entry(0, FULL_CONTROL, SYSTEM), Entry(0, FULL_CONTROL, ANA))


def test_whoever_is_let_in_and_is_not_known_is_a_stranger() -> None:
    found = security_descriptor.parse(descriptor(SYSTEM, [entry(SYSTEM), entry(EVERYONE, mask=1)]))
    assert found.strangers(OURS) == {EVERYONE}


def test_an_unknown_owner_is_a_stranger_though_no_entry_names_him() -> None:
    found = security_descriptor.parse(descriptor(ANA, [entry(SYSTEM)]))
    assert found.strangers(OURS) == {ANA}


def test_without_a_list_everybody_is_let_in() -> None:
    found = security_descriptor.parse(descriptor(SYSTEM, None))
    assert found.strangers(OURS) == {"*"}


def test_an_empty_list_lets_nobody_in() -> None:
    found = security_descriptor.parse(descriptor(SYSTEM, []))
    assert found.strangers(OURS) == frozenset()


def test_whom_an_entry_keeps_out_is_no_stranger() -> None:
    found = security_descriptor.parse(descriptor(SYSTEM, [entry(EVERYONE, kind=1)]))
    assert found.strangers(OURS) == frozenset()


def test_an_entry_of_another_type_is_not_trusted() -> None:
    found = security_descriptor.parse(descriptor(SYSTEM, [entry(SYSTEM, kind=9)]))
    assert found.strangers(OURS) == {"?"}


@given(cut=st.integers(min_value=0, max_value=79))
def test_a_descriptor_that_is_cut_off_is_refused(cut: int) -> None:
    whole = descriptor(SYSTEM, [entry(SYSTEM), entry(ADMINISTRATORS)])
    assert len(whole) == 84
    with pytest.raises(DescriptorError):
        security_descriptor.parse(whole[:cut])


@given(data=st.binary(max_size=200))
def test_garbage_is_refused_or_lets_strangers_in(data: bytes) -> None:
    try:
        found = security_descriptor.parse(data)
    except DescriptorError:
        return
    assert isinstance(found.strangers(OURS), frozenset)


def test_a_sid_is_written_as_people_know_it() -> None:
    assert security_descriptor.parse_sid(sid(ANA)) == ANA
    # The bytes of the system's own SID, as any registry editor shows them.
    assert security_descriptor.parse_sid(bytes.fromhex("010100000000000512000000")) == SYSTEM
