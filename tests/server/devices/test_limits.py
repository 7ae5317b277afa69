"""How often one address may try."""

import pytest

from passmuster_server.devices.limits import MAX_ADDRESSES, AddressLimit


class Time:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def limit(time: Time) -> AddressLimit:
    return AddressLimit(3, 60.0, time)


def test_an_address_waits_after_its_last_try_until_the_first_is_old_enough(
    limit: AddressLimit, time: Time
) -> None:
    for _ in range(3):
        assert limit.wait_s("192.0.2.1") == 0
        limit.count("192.0.2.1")
        time.now += 10
    assert limit.wait_s("192.0.2.1") == 30
    time.now += 30
    assert limit.wait_s("192.0.2.1") == 0


def test_another_address_does_not_wait(limit: AddressLimit) -> None:
    for _ in range(3):
        limit.count("192.0.2.1")
    assert limit.wait_s("192.0.2.2") == 0


def test_all_addresses_that_one_machine_has_of_ipv6_are_one(limit: AddressLimit) -> None:
    for last in range(3):
        limit.count(f"2001:db8:0:1::{last}")
    assert limit.wait_s("2001:db8:0:1:ffff::1") > 0
    assert limit.wait_s("2001:db8:0:2::1") == 0


def test_an_ipv4_address_in_the_form_of_ipv6_is_itself(limit: AddressLimit) -> None:
    for _ in range(3):
        limit.count("::ffff:192.0.2.1")
    assert limit.wait_s("192.0.2.1") > 0
    assert limit.wait_s("::ffff:192.0.2.2") == 0


def test_what_is_remembered_is_bounded(limit: AddressLimit) -> None:
    for number in range(MAX_ADDRESSES + 5):
        limit.count(f"host-{number}")
    assert len(limit) == MAX_ADDRESSES


def test_what_is_taken_back_was_never_tried(limit: AddressLimit) -> None:
    for _ in range(3):
        limit.count("192.0.2.1")
    limit.take_back("192.0.2.1")
    assert limit.wait_s("192.0.2.1") == 0
    limit.count("192.0.2.1")
    assert limit.wait_s("192.0.2.1") > 0
