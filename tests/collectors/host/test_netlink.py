"""Questions over netlink: this kernel's own controller family, and written datagrams."""

import contextlib
import errno
import os
import socket
import sys
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passmuster_collectors.host import netlink
from passmuster_collectors.host.base import (
    SourceConflictError,
    SourceDeniedError,
    SourceMissingError,
    SourceTimeoutError,
)
from passmuster_collectors.host.netlink import (
    CONTROLLER,
    DONE,
    ERROR,
    FAMILY_NAME,
    GENERIC,
    GENERIC_HEADER,
    GET_FAMILY,
    HEADER,
    INTERRUPTED,
    Message,
    Netlink,
    NetlinkFormatError,
    attribute,
    attributes,
    messages,
)

ANSWER = 0x22
KERNEL, STRANGER = (0, 0), (4242, 0)


def datagram(*parts: tuple[int, int, int, bytes]) -> bytes:
    """Return messages of (type, flags, sequence, body) as one datagram."""
    found = b""
    for kind, flags, sequence, body in parts:
        message = HEADER.pack(HEADER.size + len(body), kind, flags, sequence, 0) + body
        found += message + b"\0" * (-len(message) % 4)
    return found


def number(value: int) -> bytes:
    return value.to_bytes(4, sys.byteorder, signed=True)


class WrittenSocket:
    """Gives out written datagrams in the kernel's place, each with its sender and flags."""

    def __init__(self, *answers: Any) -> None:
        self.answers: Sequence[Any] = list(answers)
        self.sent: list[bytes] = []

    def settimeout(self, _: float) -> None:
        pass

    def sendto(self, data: bytes, _: object) -> None:
        self.sent.append(data)

    def recvmsg(self, _: int) -> tuple[bytes, list[Any], int, tuple[int, int]]:
        answer, *self.answers = self.answers
        if isinstance(answer, Exception):
            raise answer
        data, sender, flags = answer if isinstance(answer, tuple) else (answer, KERNEL, 0)
        return data, [], flags, sender

    def close(self) -> None:
        pass


def speaking(monkeypatch: pytest.MonkeyPatch, *answers: Any) -> tuple[Netlink, WrittenSocket]:
    written = WrittenSocket(*answers)
    monkeypatch.setattr(socket, "socket", lambda *_: written)
    return Netlink(GENERIC, "test"), written


def test_this_kernels_controller_knows_itself() -> None:
    with Netlink(GENERIC, "test") as opened:
        assert opened.family("nlctrl") == CONTROLLER


def test_this_kernel_lists_its_families() -> None:
    with Netlink(GENERIC, "test") as opened:
        answers = opened.ask(CONTROLLER, GENERIC_HEADER.pack(GET_FAMILY, 1, 0), dump=True)
        names = {opened.generic(answer).get(FAMILY_NAME) for answer in answers}
    assert b"nlctrl\0" in names


def test_a_family_that_the_kernel_does_not_have_is_missing() -> None:
    with Netlink(GENERIC, "test") as opened, pytest.raises(SourceMissingError):
        opened.family("no_such_family")


def test_one_answer_ends_with_its_acknowledgement(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = datagram((ANSWER, 0, 1, b"body")), datagram((ERROR, 0, 1, number(0)))
    opened, written = speaking(monkeypatch, *answers)
    assert opened.ask(ANSWER, b"question") == [b"body"]
    assert len(written.sent) == 1
    assert written.sent[0].endswith(b"question")


def test_a_list_ends_where_the_kernel_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    first = datagram((ANSWER, 2, 1, b"1"), (ANSWER, 2, 1, b"2"))
    opened, _ = speaking(
        monkeypatch, first, datagram((ANSWER, 2, 1, b"3"), (DONE, 2, 1, number(0)))
    )
    assert opened.ask(ANSWER, b"", dump=True) == [b"1", b"2", b"3"]


def test_only_the_kernel_is_believed_and_only_on_this_question(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened, _ = speaking(
        monkeypatch,
        (datagram((ANSWER, 0, 1, b"from a stranger")), STRANGER, 0),
        datagram((ANSWER, 0, 9, b"to another question")),
        datagram((ANSWER, 0, 1, b"true"), (ERROR, 0, 1, number(0))),
    )
    assert opened.ask(ANSWER, b"") == [b"true"]


def test_a_list_that_changed_meanwhile_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = datagram((ANSWER, INTERRUPTED, 1, b"old"), (DONE, 0, 1, number(0)))
    whole = datagram((ANSWER, 0, 2, b"new"), (DONE, 0, 2, number(0)))
    opened, _ = speaking(monkeypatch, changed, whole)
    assert opened.ask(ANSWER, b"", dump=True) == [b"new"]


def test_a_list_that_never_holds_still_is_a_conflict(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = [
        datagram((ANSWER, INTERRUPTED, turn, b"x"), (DONE, 0, turn, number(0)))
        for turn in range(1, netlink.ATTEMPTS + 1)
    ]
    opened, _ = speaking(monkeypatch, *changed)
    with pytest.raises(SourceConflictError):
        opened.ask(ANSWER, b"", dump=True)


@pytest.mark.parametrize(
    ("code", "refusal"),
    [
        (errno.EPERM, SourceDeniedError),
        (errno.ENOENT, SourceMissingError),
        (errno.ENODEV, SourceMissingError),
        (errno.EOPNOTSUPP, SourceMissingError),
        (errno.EINVAL, SourceConflictError),
    ],
)
def test_a_refusal_of_the_kernels_is_told_apart(
    monkeypatch: pytest.MonkeyPatch, code: int, refusal: type[Exception]
) -> None:
    opened, _ = speaking(monkeypatch, datagram((ERROR, 0, 1, number(-code))))
    with pytest.raises(refusal):
        opened.ask(ANSWER, b"")


@pytest.mark.parametrize(
    ("answer", "refusal"),
    [
        (TimeoutError(), SourceTimeoutError),
        (OSError(errno.ENOBUFS, ""), SourceConflictError),
        (b"\x01", SourceConflictError),
        ((b"", KERNEL, socket.MSG_TRUNC), SourceConflictError),
        (datagram((ERROR, 0, 1, b"")), SourceConflictError),
    ],
    ids=["late", "overrun", "cut off", "too long", "no number"],
)
def test_no_answer_and_no_sense_are_refusals(
    monkeypatch: pytest.MonkeyPatch, answer: Any, refusal: type[Exception]
) -> None:
    opened, _ = speaking(monkeypatch, answer)
    with pytest.raises(refusal):
        opened.ask(ANSWER, b"")


def test_a_system_without_netlink_has_no_source(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))

    monkeypatch.setattr(socket, "socket", refused)
    with pytest.raises(SourceMissingError):
        Netlink(GENERIC, "test")


@given(st.dictionaries(st.integers(0, netlink.TYPE_MASK), st.binary(max_size=70), max_size=5))
def test_attributes_are_read_as_they_are_written(given_: dict[int, bytes]) -> None:
    written = b"".join(attribute(kind, value) for kind, value in given_.items())
    assert attributes(written) == given_


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_refused(data: bytes) -> None:
    for parse in (attributes, lambda bytes_: list(messages(bytes_))):
        with contextlib.suppress(NetlinkFormatError):
            parse(data)


def test_messages_side_by_side_are_told_apart() -> None:
    found = list(messages(datagram((1, 2, 3, b"abc"), (4, 5, 6, b""))))
    assert found == [Message(1, 2, 3, b"abc"), Message(4, 5, 6, b"")]
