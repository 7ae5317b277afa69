"""What every URL that somebody gives us has to be."""

import pytest

from passmuster_server.urls import is_private, parts_of


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/path",
        "https://",
        "https://host:0/",
        "https://host:x/",
        "https://host:65536",
        "https://[::1",
    ],
)
def test_a_url_without_a_host_or_with_an_impossible_port_is_none(url: str) -> None:
    assert parts_of(url) is None


@pytest.mark.parametrize(
    ("url", "private"),
    [
        ("https://sso.example.com/", True),
        ("https://192.0.2.1:8443", True),
        ("http://127.0.0.1:8080/", True),
        ("http://[::1]/", True),
        ("http://localhost/", True),
        ("http://sso.example.com/", False),
        ("http://localhost.example.com/", False),
        ("ftp://127.0.0.1/", False),
    ],
)
def test_it_is_private_by_encryption_or_because_it_stays_here(url: str, *, private: bool) -> None:
    parts = parts_of(url)
    assert parts is not None
    assert is_private(parts) is private
