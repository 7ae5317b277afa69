"""Whose address a request tells: the sender's own, or that of something in between."""

from pathlib import Path

import pytest
from starlette.requests import Request

from passmuster_server.config_reading import load
from passmuster_server.devices.addresses import Addresses, are_same

PROXY = {"behind_proxy": True, "public_url": "https://passmuster.example.com"}


def request(host: str, port: int) -> Request:
    return Request({"type": "http", "headers": [], "client": (host, port)})


def addresses(folder: Path, **settings: object) -> Addresses:
    return Addresses(load(None, {"data_directory": str(folder), **settings}))


def test_without_a_proxy_whoever_connects_is_the_sender(tmp_path: Path) -> None:
    direct = addresses(tmp_path)
    assert direct.known(request("192.0.2.7", 40_000)) == "192.0.2.7"
    assert direct.known(request("2001:db8::7", 40_000)) == "2001:db8::"


@pytest.mark.parametrize(
    ("host", "port"),
    [("127.0.0.1", 40_000), ("10.1.2.3", 40_000), ("10.9.9.9", 40_000), ("10.1.2.3", 0)],
    ids=["a proxy that tells nobody's", "a trusted one", "one that is not trusted", "told its own"],
)
def test_behind_a_proxy_its_own_address_is_nobodys(tmp_path: Path, host: str, port: int) -> None:
    behind = addresses(tmp_path, **PROXY, trusted_proxies=["127.0.0.1", "10.1.2.0/24"])
    assert behind.known(request(host, port)) is None


def test_behind_a_proxy_the_address_counts_that_a_trusted_one_told(tmp_path: Path) -> None:
    behind = addresses(tmp_path, **PROXY)
    assert behind.known(request("192.0.2.7", 0)) == "192.0.2.7"


def test_what_is_no_address_is_not_known(tmp_path: Path) -> None:
    assert addresses(tmp_path).known(request("unix:", 0)) is None
    assert addresses(tmp_path).known(Request({"type": "http", "headers": []})) is None


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [("a", "a", True), ("a", "b", False), (None, "a", None), ("a", None, None), (None, None, None)],
)
def test_two_are_the_same_where_both_are_known(
    first: str | None, second: str | None, same: bool | None
) -> None:
    assert are_same(first, second) is same
