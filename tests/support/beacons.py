"""Information elements as access points send them (IEEE 802.11-2020, section 9.4.2)."""

from collections.abc import Sequence

STANDARD = bytes.fromhex("000fac")
MICROSOFT = bytes.fromhex("0050f2")
PSK, TKIP, CCMP = 2, 2, 4


def element(kind: int, content: bytes) -> bytes:
    """Return one element."""
    return bytes([kind, len(content)]) + content


def ssid(name: bytes) -> bytes:
    """Return the element with the network's name."""
    return element(0, name)


def rsn(
    ways: Sequence[int],
    *,
    group: int = CCMP,
    pairwise: Sequence[int] = (CCMP,),
    more_ways: bytes = b"",
) -> bytes:
    """Return an RSN element; `more_ways` is one more suite, of another maker's."""
    return element(48, _suites(STANDARD, group, pairwise, ways, more_ways) + bytes(2))


def wpa(ways: Sequence[int], *, group: int = TKIP, pairwise: Sequence[int] = (TKIP,)) -> bytes:
    """Return a WPA element."""
    return element(221, MICROSOFT + b"\x01" + _suites(MICROSOFT, group, pairwise, ways, b""))


def _suites(
    maker: bytes, group: int, pairwise: Sequence[int], ways: Sequence[int], more_ways: bytes
) -> bytes:
    count = len(ways) + len(more_ways) // 4
    return (
        b"\x01\x00"
        + (maker + bytes([group]))
        + len(pairwise).to_bytes(2, "little")
        + b"".join(maker + bytes([each]) for each in pairwise)
        + count.to_bytes(2, "little")
        + b"".join(maker + bytes([each]) for each in ways)
        + more_ways
    )
