"""Which hosts lead to this machine itself."""

import pytest

from passmuster_server.loopback import may_be_loopback


@pytest.mark.parametrize(
    "host",
    [
        *(
            "localhost",
            "LocalHost.",
            "a.localhost",
            "127.0.0.1",
            "127.9.9.9",
            "127.1",
            "2130706433",
        ),
        *("0x7f.1", "0", "::1", "::", "::ffff:127.0.0.1"),
    ],
)
def test_however_it_is_written(host: str) -> None:
    assert may_be_loopback(host)


@pytest.mark.parametrize("host", ["mail.example.com", "10.0.0.1", "10.1", "localhost.example.com"])
def test_others_lead_elsewhere(host: str) -> None:
    assert not may_be_loopback(host)
