"""A receiver of syslog, and a reader of CEF, written from their specifications."""

import re
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

_HEADER = re.compile(
    rb"<(?P<priority>0|[1-9]\d?|1[0-8]\d|19[01])>1 "
    rb"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)) "
    rb"(?P<host>[!-~]{1,255}) (?P<application>[!-~]{1,48}) (?P<process>[!-~]{1,128}) "
    rb"(?P<kind>[!-~]{1,32}) - (?P<text>.*)",
    re.DOTALL,
)
_KEY = re.compile(r"(?:^| )([A-Za-z0-9_.\[\]]+)=")
MAX_LENGTH = 2_048
"""Octets of one message that every receiver over TLS takes (RFC 5425, section 4.3.1)."""


@dataclass(frozen=True)
class Event:
    """One CEF event, with the syslog priority, host and message id that it came in."""

    priority: int
    host: str
    kind: str
    vendor: str
    product: str
    version: str
    event_class: str
    name: str
    severity: int
    values: Mapping[str, str]


def read(message: bytes) -> Event:
    """Return what a message says, by RFC 5424, section 6, and the standard of CEF."""
    assert len(message) <= MAX_LENGTH, f"{len(message)} octets"
    found = _HEADER.fullmatch(message)
    assert found is not None, f"no syslog message: {message!r}"
    text = found["text"]
    if not text.isascii():
        assert text.startswith(b"\xef\xbb\xbf"), "what is not ASCII has to say that it is UTF-8"
    told = text.decode("utf-8-sig")
    assert told.startswith("CEF:0|"), told
    assert "\n" not in told, "one event is one line"
    assert "\r" not in told, "one event is one line"
    parts = re.split(r"(?<!\\)(?:\\\\)*\|", told.removeprefix("CEF:0|"), maxsplit=6)
    assert len(parts) == 7, told
    vendor, product, version, kind, name, severity = (_unescaped(each, "|") for each in parts[:6])
    return Event(
        int(found["priority"]),
        found["host"].decode(),
        found["kind"].decode(),
        vendor,
        product,
        version,
        kind,
        name,
        int(severity),
        _values(parts[6]),
    )


def frames(stream: bytes) -> Iterator[bytes]:
    """Return the messages of a stream: `MSG-LEN SP SYSLOG-MSG` (RFC 5425, section 4.3)."""
    while stream:
        length, space, stream = stream.partition(b" ")
        assert space, f"no length: {length[:40]!r}"
        assert re.fullmatch(rb"[1-9]\d*", length), f"no length: {length[:40]!r}"
        assert len(stream) >= int(length), "a message is cut off"
        yield stream[: int(length)]
        stream = stream[int(length) :]


def _values(extension: str) -> Mapping[str, str]:
    """An equals sign in a value is escaped, so each bare one ends a key."""
    keys = [found for found in _KEY.finditer(extension) if extension[found.end() - 2] != "\\"]
    ends = [found.start() for found in keys[1:]] + [len(extension)]
    return {
        found[1]: _unescaped(extension[found.end() : end], "=")
        for found, end in zip(keys, ends, strict=True)
    }


def _unescaped(text: str, sign: str) -> str:
    meant = {"\\": "\\", sign: sign, "n": "\n", "r": "\r"}
    return re.sub(r"\\(.)", lambda found: meant[found[1]], text)


@dataclass
class Receiver:
    """What has arrived at `address`; `refuse` resets each connection before it reads."""

    address: str = ""
    messages: list[bytes] = field(default_factory=list)
    connections: int = 0
    refuse: bool = False
    problems: list[str] = field(default_factory=list)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, messages: int = 0, connections: int = 0) -> list[Event]:
        with self.arrived:
            held = self.arrived.wait_for(
                lambda: len(self.messages) >= messages and self.connections >= connections, 40
            )
        assert self.problems == []
        assert held, f"{len(self.messages)} of {messages} messages came"
        return [read(each) for each in self.messages]

    def take(self, messages: list[bytes]) -> None:
        with self.arrived:
            self.messages += messages
            self.connections += 1
            self.arrived.notify_all()


@contextmanager
def listening(context: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Listen on TCP, with `context` by TLS."""
    receiver = Receiver()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        receiver.address = f"127.0.0.1:{listener.getsockname()[1]}"
        ending = threading.Event()

        def serve() -> None:
            while True:
                connection, _ = listener.accept()
                with connection:
                    if ending.is_set():
                        return
                    try:
                        _serve(connection, receiver, context)
                    except (OSError, AssertionError) as error:
                        receiver.problems.append(repr(error))
                        receiver.take([])

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield receiver
        finally:
            ending.set()
            socket.create_connection(listener.getsockname()).close()
            thread.join()


def _serve(connection: socket.socket, receiver: Receiver, context: ssl.SSLContext | None) -> None:
    connection.settimeout(30)
    if receiver.refuse:
        # Closed with what was sent unread: the system then resets the connection.
        connection.recv(1)
        receiver.take([])
        return
    stream = b""
    if context is None:
        while piece := connection.recv(4_096):
            stream += piece
    else:
        try:
            encrypted = context.wrap_socket(connection, server_side=True)
        except ssl.SSLError:
            receiver.take([])  # whoever called does not trust us
            return
        with encrypted:
            while piece := encrypted.recv(4_096):
                stream += piece
            encrypted.unwrap()
    receiver.take(list(frames(stream)))


@contextmanager
def listening_datagrams() -> Iterator[Receiver]:
    """Listen on UDP: one message in each datagram (RFC 5426, section 3.1)."""
    receiver = Receiver()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        place = listener.getsockname()
        receiver.address = f"127.0.0.1:{place[1]}"

        def serve() -> None:
            while message := listener.recv(65_536):
                receiver.take([message])

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield receiver
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ending:
                ending.sendto(b"", place)
            thread.join()
