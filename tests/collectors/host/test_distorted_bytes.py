"""Whatever bytes a kernel or an interface hands over, what reads them refuses or answers.

Cut, reordered, garbled or empty: never an error of our own, and never more than was there.
"""

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from passmuster_collectors.host.base import SourceConflictError
from passmuster_collectors.host.macos_routes import default_interfaces, parse_routes
from passmuster_collectors.host.windows_memory import text, texts
from passmuster_collectors.host.windows_sessions import sid_text
from passmuster_collectors.host.windows_wlan import connection
from tests.collectors.host.test_macos_routes import (
    ANY_V4,
    ANY_V6,
    EN0,
    GATEWAY,
    HALF_MASK,
    NETWORK_MASK,
    NETWORK_V4,
    NO_MASK,
    ROUTER_V4,
    ROUTER_V6,
    UP,
    UPPER_HALF_V4,
    UTUN4,
    message,
)

MESSAGES = (
    message(EN0, UP | GATEWAY, ANY_V4, ROUTER_V4, NO_MASK),
    message(EN0, UP | GATEWAY, ANY_V6, ROUTER_V6, NO_MASK),
    message(UTUN4, UP | GATEWAY, UPPER_HALF_V4, ROUTER_V4, HALF_MASK),
    message(EN0, UP | GATEWAY, NETWORK_V4, ROUTER_V4, NETWORK_MASK),
)
DUMP = b"".join(MESSAGES)


def carriers(dump: bytes) -> frozenset[int] | None:
    """Return what carries the traffic, None where the dump is refused."""
    with contextlib.suppress(SourceConflictError):
        return default_interfaces(parse_routes(dump))
    return None


@given(st.binary(max_size=400))
def test_bytes_that_are_no_routes_are_refused_or_hold_none(dump: bytes) -> None:
    carriers(dump)


@given(st.integers(0, len(DUMP) - 1))
def test_routes_that_are_cut_name_no_interface_that_was_not_there(length: int) -> None:
    assert carriers(DUMP[:length]) in (frozenset({EN0}), frozenset(), None)


@given(st.permutations(MESSAGES))
def test_the_order_of_the_routes_decides_nothing(messages: list[bytes]) -> None:
    assert carriers(b"".join(messages)) == carriers(DUMP) == frozenset({EN0})


@given(st.integers(0, len(DUMP) - 1), st.integers(0, 255))
def test_a_byte_that_is_garbled_makes_nobody_stumble(place: int, byte: int) -> None:
    carriers(DUMP[:place] + bytes([byte]) + DUMP[place + 1 :])


@given(st.binary(max_size=700))
def test_a_connection_is_told_in_full_or_not_at_all(data: bytes) -> None:
    found = connection(data)
    assert (found is None) is (len(data) < 604)
    assert found is None or len(found.ssid) <= 32


@given(st.binary(max_size=80))
def test_an_identifier_is_whole_or_none(data: bytes) -> None:
    found = sid_text(data)
    assert found == "" or found.count("-") == 2 + data[1]


@given(st.binary(max_size=80))
def test_texts_end_where_windows_ends_them(data: bytes) -> None:
    assert "\0" not in text(data)
    assert all(each and "\0" not in each for each in texts(data))
