import socket
from contextlib import closing, suppress

import pytest

# 192.0.2.0/24 and example.invalid are set aside for documentation (RFC 5737, RFC 2606).
ELSEWHERE = ("192.0.2.1", 9)


def test_connecting_to_another_machine_fails_the_test() -> None:
    with (
        closing(socket.socket()) as tcp,
        pytest.raises(pytest.fail.Exception, match="loopback only"),
    ):
        tcp.connect(ELSEWHERE)


def test_a_handler_for_every_exception_cannot_hide_it() -> None:
    def connect_and_handle_everything() -> None:
        with closing(socket.socket()) as tcp, suppress(Exception):
            tcp.connect_ex(ELSEWHERE)

    with pytest.raises(pytest.fail.Exception):
        connect_and_handle_everything()


def test_sending_a_datagram_to_another_machine_fails_the_test() -> None:
    with (
        closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as udp,
        pytest.raises(pytest.fail.Exception, match="loopback only"),
    ):
        udp.sendto(b"", ELSEWHERE)


def test_looking_up_another_machines_name_fails_the_test() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"example\.invalid"):
        socket.getaddrinfo("example.invalid", 443)


def test_an_address_mapped_into_ipv6_is_no_way_out() -> None:
    with (
        closing(socket.socket(socket.AF_INET6)) as tcp,
        pytest.raises(pytest.fail.Exception, match="loopback only"),
    ):
        tcp.connect(("::ffff:192.0.2.1", 9, 0, 0))


def test_loopback_and_unix_sockets_are_free() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        socket.create_connection(("localhost", server.getsockname()[1]), timeout=5).close()
    for end in socket.socketpair():
        end.close()
