"""What every URL that somebody gives us has to be."""

import pytest

from passmuster_collectors.contract.errors import ContractError
from passmuster_server.urls import check_elsewhere, is_private, parts_of


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


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST.", "a.localhost", "127.0.0.1", "127.1", "0", "[::1]", "[::]"],
)
def test_what_listens_here_is_not_elsewhere_though_it_is_https(host: str) -> None:
    for url in (f"https://{host}", f"https://{host}:8443/x?y=z", f"https://a@{host}/"):
        with pytest.raises(ContractError) as raised:
            check_elsewhere(url, "url")
        assert (raised.value.field, "the server itself" in str(raised.value)) == ("url", True)


@pytest.mark.parametrize(
    "url",
    ["", "https://", "http://sso.example.com/", "http://127.0.0.1/", "ftp://sso.example.com/"],
)
def test_what_is_not_https_is_told_so(url: str) -> None:
    with pytest.raises(ContractError, match="expected https"):
        check_elsewhere(url, "url")


def test_https_to_another_machine_is_elsewhere() -> None:
    for url in ("https://sso.example.com/", "https://10.0.0.1:8443/x", "https://127.example.com"):
        check_elsewhere(url, "url")
