"""Syslog messages over TLS, TCP and UDP.

TLS: RFC 5425; TCP: RFC 6587, section 3.4.1, octet counting as over TLS; UDP: RFC 5426.
"""

import contextlib
import socket
import ssl
import sys
from collections.abc import Callable, Iterator, Sequence

from passmuster_server.alerts.connections import TIMEOUT_S, connected
from passmuster_server.alerts.errors import NotSentError
from passmuster_server.alerts.rules import Syslog

if sys.platform == "linux":
    import fcntl
    import termios

MAX_LEFT = 65_536
"""Octets that a receiver which should say nothing may say before it closes."""


def send_syslog(channel: Syslog, messages: Sequence[bytes]) -> None:
    """Send the messages; return once the receiver's system has them all. Raises `NotSentError`.

    That system acknowledges, the receiver does not. Over UDP nobody does.
    """
    place = channel.host, channel.port
    try:
        if channel.transport == "udp":
            _send_datagrams(place, messages)
            return
        framed = b"".join(b"%d %b" % (len(each), each) for each in messages)
        with connected(*place) as connection:
            if channel.transport == "tls":
                _send_encrypted(connection, channel, framed)
            else:
                connection.sendall(framed)
                connection.shutdown(socket.SHUT_WR)
                _wait_for_end(connection)
    except (OSError, ValueError) as error:
        # The certificate's problem alone names no more than the kind of mistake.
        raise NotSentError(type(error).__name__) from None


def _send_encrypted(connection: socket.socket, channel: Syslog, framed: bytes) -> None:
    context = ssl.create_default_context(cadata=channel.authorities or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    received, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = context.wrap_bio(received, sent, server_hostname=channel.host)

    def until_done(step: Callable[[], object]) -> None:
        while True:
            try:
                step()
            except ssl.SSLWantReadError:
                connection.sendall(sent.read())
                piece = connection.recv(16_384)
                received.write(piece) if piece else received.write_eof()
            else:
                connection.sendall(sent.read())
                return

    until_done(session.do_handshake)
    until_done(lambda: session.write(framed))
    # Section 4.4: a close_notify, whose answer a receiver may leave out. One that takes no message,
    # as it wants a certificate of ours, says so by then: what it says has to be read, as a shutdown
    # takes an alert for an answer.
    with contextlib.suppress(ssl.SSLWantReadError):
        session.unwrap()
    with contextlib.suppress(ssl.SSLZeroReturnError, ssl.SSLEOFError), _silence_of(connection):
        until_done(lambda: session.read(1))


def _wait_for_end(connection: socket.socket) -> None:
    """Read until the receiver closes too: what it has not read by then it resets."""
    left = MAX_LEFT
    with _silence_of(connection):
        while left > 0:
            piece = connection.recv(4_096)
            if not piece:
                return
            left -= len(piece)


@contextlib.contextmanager
def _silence_of(connection: socket.socket) -> Iterator[None]:
    """Let a receiver stay open and silent, which has refused nothing.

    Raises `TimeoutError` where its system has not taken all of it.
    """
    try:
        yield
    except TimeoutError:
        if _not_acknowledged(connection):
            raise


def _not_acknowledged(connection: socket.socket) -> int:
    """Return how many octets the other system has not acknowledged; none where nobody tells."""
    if sys.platform == "linux":
        # SIOCOUTQ by its other name: tcp(7).
        answer = fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4))
        return int.from_bytes(answer, sys.byteorder)
    return 0


def _send_datagrams(place: tuple[str, int], messages: Sequence[bytes]) -> None:
    host, port = place
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        sender.settimeout(TIMEOUT_S)
        sender.connect(address)
        for each in messages:
            sender.send(each)
