"""Alerts by syslog, over TLS, TCP and UDP: to our own receiver, and to rsyslog."""

import ssl
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from tests.support import rsyslog
from tests.support.certificates import Authority
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_laptops import ONLY_USB, enrolled, with_usb_stick
from tests.support.running_server import deaf_port
from tests.support.syslog_receiver import listening, listening_datagrams

OWNER = "ana@example.com"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ClockedServer]:
    with clocked_server(tmp_path / "server", policy=ONLY_USB) as running:
        yield running


@pytest.fixture
def client(server: ClockedServer) -> Iterator[httpx.Client]:
    with server.client() as opened:
        yield opened


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def tls(authority: Authority) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue())
    return context


def syslog_rule(server: ClockedServer, address: str, transport: str, *more: str) -> None:
    arguments = ("--syslog", address, "--syslog-transport", transport, *more)
    server.command("alert", "add", "siem", *arguments)


def trusting(authority: Authority) -> tuple[str, str]:
    return "--syslog-ca-file", str(authority.certificate)


def test_over_tls_it_goes_to_whom_the_authority_vouches_for_alone(
    server: ClockedServer, client: httpx.Client, authority: Authority
) -> None:
    with listening(tls(authority)) as receiver:
        syslog_rule(server, receiver.address, "tls")
        refused = server.command("alert", "test", "siem", check=False)
        assert "SSLCertVerificationError" in refused.stderr, "nobody vouches for it"
        assert receiver.messages == []
        server.command("alert", "remove", "siem")
        syslog_rule(server, receiver.address, "tls", *trusting(authority))
        laptop = enrolled(server, client, OWNER, with_usb_stick())
        (event,) = receiver.wait_for(messages=1)
    assert (event.event_class, event.values["deviceExternalId"]) == ("shut_out", laptop.device)
    assert event.values["reason"] == "usb_devices"
    assert event.host == "127.0.0.1"
    assert OWNER.encode() not in receiver.messages[0]


def test_over_tls_the_name_has_to_be_right_too(server: ClockedServer, authority: Authority) -> None:
    with listening(tls(authority)) as receiver:
        address = receiver.address.replace("127.0.0.1", "localhost")
        syslog_rule(server, address, "tls", *trusting(authority))
        refused = server.command("alert", "test", "siem", check=False)
    assert "SSLCertVerificationError" in refused.stderr


def test_a_receiver_that_wants_a_certificate_of_ours_has_taken_nothing(
    server: ClockedServer, authority: Authority
) -> None:
    context = tls(authority)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.certificate)
    with listening(context) as receiver:
        syslog_rule(server, receiver.address, "tls", *trusting(authority))
        refused = server.command("alert", "test", "siem", check=False)
    assert "siem was not sent" in refused.stderr
    assert receiver.messages == []


def test_over_tcp_and_udp_it_goes_on_this_machine(
    server: ClockedServer, client: httpx.Client
) -> None:
    with listening() as stream, listening_datagrams() as datagrams:
        for name, address, transport in (
            ("stream", stream.address, "tcp"),
            ("datagrams", datagrams.address, "udp"),
        ):
            arguments = ("--syslog", address, "--syslog-transport", transport)
            server.command("alert", "add", name, *arguments, "--on", "shut_out")
        laptop = enrolled(server, client, OWNER, with_usb_stick())
        for receiver in (stream, datagrams):
            (event,) = receiver.wait_for(messages=1)
            assert event.values["deviceExternalId"] == laptop.device


def test_beyond_this_machine_who_asks_for_it_sends_in_the_clear(server: ClockedServer) -> None:
    for transport in ("tcp", "udp"):
        arguments = ("--syslog", "siem.example.com", "--syslog-transport", transport)
        server.command("alert", "add", transport, *arguments, "--syslog-cleartext", "--on=grace")
    listed = server.command("alert", "list").stdout
    assert "syslog to siem.example.com, port 514, by TCP" in listed
    assert "syslog to siem.example.com, port 514, by UDP" in listed


def test_what_a_receiver_has_not_read_is_sent_again_under_the_same_id(
    server: ClockedServer, client: httpx.Client
) -> None:
    with listening() as receiver:
        receiver.refuse = True
        syslog_rule(server, receiver.address, "tcp")
        enrolled(server, client, OWNER, with_usb_stick())
        receiver.wait_for(connections=1)
        ((message_id,),) = server.rows("SELECT message_id FROM alert_outbox")
        receiver.refuse = False
        server.ahead += timedelta(minutes=1)
        (event,) = receiver.wait_for(messages=1)
    assert event.values["externalId"] == f"{message_id}-0"


def test_where_nobody_listens_it_waits(server: ClockedServer, client: httpx.Client) -> None:
    syslog_rule(server, f"127.0.0.1:{deaf_port()}", "tcp")
    refused = server.command("alert", "test", "siem", check=False)
    assert "siem was not sent: ConnectionRefusedError" in refused.stderr
    enrolled(server, client, OWNER, with_usb_stick())
    assert server.rows("SELECT count(*) FROM alert_outbox") == [(1,)]


@pytest.mark.parametrize("transport", ["tls", "tcp", "udp"])
def test_rsyslog_takes_it_as_it_is_sent(
    server: ClockedServer,
    client: httpx.Client,
    tmp_path: Path,
    authority: Authority,
    transport: str,
) -> None:
    encrypts = transport == "tls"
    with rsyslog.running(tmp_path, transport, authority if encrypts else None) as receiver:
        syslog_rule(server, receiver.address, transport, *(trusting(authority) * encrypts))
        server.command("alert", "test", "siem")
        laptop = enrolled(server, client, OWNER, with_usb_stick())
        tested, told = sorted(receiver.wait_for(2), key=lambda line: " shut_out" in line)
    assert tested.startswith("authpriv.notice 127.0.0.1 passmuster test CEF:0|"), tested
    assert told.startswith("authpriv.err 127.0.0.1 passmuster shut_out CEF:0|"), told
    assert f"deviceExternalId={laptop.device} reason=usb_devices" in told
    assert told.endswith(f"Laptop {laptop.device} is shut out (high): usb_devices")
