"""What the kernel and udev say over netlink: real sockets, real multicast."""

import contextlib
import os
import re
import select
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passmuster_collectors.host.answers import UsbSighting
from passmuster_collectors.host.events import (
    MOUNT,
    PACKAGES,
    PROCESS,
    RESUME,
    ROUTE,
    SETTINGS,
    Events,
    this_watch,
)
from passmuster_collectors.host.linux_events import (
    CREDENTIALS,
    KERNEL_GROUP,
    NETLINK_HEADER,
    NETLINK_KOBJECT_UEVENT,
    UDEV_GROUP,
    NetlinkWatch,
    parse_route_types,
)
from passmuster_collectors.host.uevents import (
    UDEV_HEADER,
    UDEV_MAGIC,
    MessageFormatError,
    Uevent,
    parse_uevent,
)
from tests.support.tools import missing

# Names of this run alone: other programs on the machine hear and send on the same groups.
SENT = f"sent{os.getpid()}"
MARKER = f"marker{os.getpid()}"


def properties_of(subsystem: str) -> bytes:
    return f"ACTION=add\0DEVPATH=/devices/usb1/1-2\0SUBSYSTEM={subsystem}\0SEQNUM=42\0".encode()


PROPERTIES = properties_of(SENT)
ADDED = Uevent("add", "/devices/usb1/1-2", SENT)
KERNEL_FORM = b"add@/devices/usb1/1-2\0" + PROPERTIES
SOON_S = 20.0


def udev_form(properties: bytes = PROPERTIES) -> bytes:
    head = UDEV_HEADER.pack(b"libudev\0", socket.htonl(UDEV_MAGIC), 40, 40, len(properties))
    return head.ljust(40, b"\0") + properties


@pytest.fixture
def watch() -> Iterator[NetlinkWatch]:
    opened = NetlinkWatch()
    if len(opened.descriptors()) < 2:
        missing("netlink sockets can't be opened here")
    yield opened
    opened.close()


def heard(watch: NetlinkWatch, until: str) -> Events:
    """Return all that arrived up to and with the name `until`, or all within two seconds."""
    triggers: frozenset[str] = frozenset()
    sightings: tuple[UsbSighting, ...] = ()
    lost = False
    deadline = time.monotonic() + SOON_S
    while until not in triggers and (left := deadline - time.monotonic()) > 0:
        select.select(watch.descriptors(), [], [], left)
        events = watch.read()
        triggers |= events.triggers
        lost |= events.lost
        sightings += events.sightings
    return Events(triggers, lost, sightings)


def send_marker() -> None:
    """Send an event that is believed, so that what came before it is known to have been read."""
    multicast(udev_form(properties_of(MARKER)), UDEV_GROUP)


def multicast(message: bytes, group: int, uid: int | None = None) -> None:
    """Send as udev does; `uid` is put in place of our own, which only root may do."""
    ancillary = []
    if uid is not None:
        forged = CREDENTIALS.pack(os.getpid(), uid, uid)
        ancillary = [(socket.SOL_SOCKET, socket.SCM_CREDENTIALS, forged)]
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_KOBJECT_UEVENT) as sender:
            sender.sendmsg([message], ancillary, 0, (0, group))
    except PermissionError:
        missing("only root may send uevents")


class TestTheKernelsForm:
    def test_names_action_device_and_subsystem(self) -> None:
        assert parse_uevent(KERNEL_FORM) == ADDED

    def test_without_a_title_is_refused(self) -> None:
        with pytest.raises(MessageFormatError, match="neither"):
            parse_uevent(PROPERTIES)

    def test_without_a_subsystem_is_refused(self) -> None:
        with pytest.raises(MessageFormatError, match="SUBSYSTEM"):
            parse_uevent(b"add@/devices/x\0ACTION=add\0DEVPATH=/devices/x\0")


class TestSightings:
    DEVICE = "/devices/pci0000:00/0000:00:14.0/usb1/1-2/1-2.3"

    def event(self, action: str, path: str, product: str, interface: str = "") -> Uevent:
        return Uevent(action, path, "usb", product, interface)

    def test_a_device_is_told_with_its_socket_and_its_ids(self) -> None:
        assert self.event("add", self.DEVICE, "5ac/21e/101").sighting() == UsbSighting(
            True, "1-2.3", "05ac", "021e"
        )
        assert self.event("remove", self.DEVICE, "5AC/21E/101").sighting() == UsbSighting(
            False, "1-2.3", "05ac", "021e"
        )

    def test_an_interface_is_told_with_what_it_is(self) -> None:
        found = self.event("add", f"{self.DEVICE}/1-2.3:1.0", "5ac/21e/101", "3/1/1").sighting()
        assert found == UsbSighting(True, "1-2.3", "05ac", "021e", (3, 1, 1))

    @pytest.mark.parametrize(
        ("action", "path", "product", "interface"),
        [
            ("bind", DEVICE, "5ac/21e/101", ""),
            ("add", "/devices/pci0000:00/0000:00:14.0/usb1", "1d6b/2/601", ""),
            ("add", DEVICE, "", ""),
            ("add", DEVICE, "5ac/21e", ""),
            ("add", DEVICE, "5ac/21e/101", "3/1/1"),
            ("add", f"{DEVICE}/1-2.3:1.0", "5ac/21e/101", ""),
            ("add", f"{DEVICE}/1-2.3:1.0/ep_81", "5ac/21e/101", "3/1/1"),
            ("add", f"{DEVICE}/1-9:1.0", "5ac/21e/101", "3/1/1"),
            ("add", DEVICE, "fffff/21e/101", ""),
        ],
    )
    def test_what_is_about_something_else_is_none(
        self, action: str, path: str, product: str, interface: str
    ) -> None:
        assert self.event(action, path, product, interface).sighting() is None

    @pytest.mark.heard_by_all
    def test_it_comes_with_what_was_heard(self, watch: NetlinkWatch) -> None:
        properties = (
            f"ACTION=add\0DEVPATH={self.DEVICE}\0SUBSYSTEM=usb\0DEVTYPE=usb_device\0"
            f"PRODUCT=beef/{os.getpid() & 0xFFFF:x}/101\0SEQNUM=42\0"
        )
        multicast(udev_form(properties.encode()), UDEV_GROUP)
        send_marker()
        expected = UsbSighting(True, "1-2.3", "beef", f"{os.getpid() & 0xFFFF:04x}")
        assert expected in heard(watch, MARKER).sightings


class TestUdevsForm:
    def test_names_the_same(self) -> None:
        assert parse_uevent(udev_form()) == ADDED

    def test_with_another_magic_number_is_refused(self) -> None:
        message = bytearray(udev_form())
        message[8:12] = b"\0\0\0\0"
        with pytest.raises(MessageFormatError, match="magic"):
            parse_uevent(bytes(message))

    @pytest.mark.parametrize("cut", range(8, 40))
    def test_cut_off_anywhere_in_its_header_is_refused(self, cut: int) -> None:
        with pytest.raises(MessageFormatError):
            parse_uevent(udev_form()[:cut])

    @pytest.mark.parametrize(
        ("offset", "length"), [(40, 10_000), (2**32 - 1, 1), (0, 10), (41, len(PROPERTIES))]
    )
    def test_whose_header_points_outside_is_refused(self, offset: int, length: int) -> None:
        head = UDEV_HEADER.pack(b"libudev\0", socket.htonl(UDEV_MAGIC), 40, offset, length)
        with pytest.raises(MessageFormatError, match="outside"):
            parse_uevent(head.ljust(40, b"\0") + PROPERTIES)


@given(
    st.one_of(
        st.binary(max_size=300),
        st.binary(max_size=200).map(udev_form),
        st.binary(max_size=200).map(lambda tail: b"libudev\0" + tail),
        st.binary(max_size=200).map(lambda tail: KERNEL_FORM[: len(tail)] + tail),
    )
)
def test_random_bytes_are_an_event_or_refused(data: bytes) -> None:
    with contextlib.suppress(MessageFormatError):
        assert isinstance(parse_uevent(data), Uevent)


@given(
    st.one_of(
        st.binary(max_size=200),
        st.lists(st.tuples(st.integers(0, 64), st.integers(0, 65_535)), max_size=8).map(
            lambda heads: b"".join(
                NETLINK_HEADER.pack(length, kind, 0, 0, 0) for length, kind in heads
            )
        ),
    )
)
def test_random_route_messages_are_types_or_refused(data: bytes) -> None:
    with contextlib.suppress(MessageFormatError):
        assert all(0 <= kind <= 65_535 for kind in parse_route_types(data))


properties = st.dictionaries(
    st.sampled_from(["ACTION", "DEVPATH", "SUBSYSTEM", "DEVTYPE", "PRODUCT", "INTERFACE"]),
    st.one_of(
        st.text(max_size=30),
        st.sampled_from(["add", "remove", "usb", "/devices/usb1/1-2", "/devices/usb1/1-2/1-2:1.0"]),
        st.from_regex(r"[0-9a-f]{0,6}/[0-9a-f]{0,6}(/[0-9a-f]{0,6})?", fullmatch=True),
    ),
)


@given(properties)
def test_random_properties_are_an_event_or_refused_and_a_sighting_is_whole(
    given_: dict[str, str],
) -> None:
    body = b"".join(f"{name}={value}\0".encode() for name, value in given_.items())
    for message in (udev_form(body), b"add@/devices/x\0" + body):
        with contextlib.suppress(MessageFormatError):
            found = parse_uevent(message).sighting()
            if found is not None:
                assert re.fullmatch(r"\d+-\d+(\.\d+)*", found.port)
                assert re.fullmatch(r"[0-9a-f]{4}", found.vendor_id)
                assert re.fullmatch(r"[0-9a-f]{4}", found.product_id)


@pytest.mark.heard_by_all
def test_a_storm_of_random_events_does_not_stop_the_watch(watch: NetlinkWatch) -> None:
    random = Random(7)
    for _ in range(300):
        body = random.randbytes(random.randrange(1, 200))
        multicast(random.choice((body, udev_form(body), udev_form()[: len(body)])), UDEV_GROUP)
    send_marker()
    events = heard(watch, MARKER)
    assert MARKER in events.triggers
    assert events.lost


@pytest.mark.heard_by_all
def test_a_udev_event_arrives_over_real_multicast(watch: NetlinkWatch) -> None:
    multicast(udev_form(), UDEV_GROUP)
    assert SENT in heard(watch, SENT).triggers


@pytest.mark.heard_by_all
def test_an_event_of_the_kernel_arrives(watch: NetlinkWatch) -> None:
    try:
        Path("/sys/class/net/lo/uevent").write_text("change", encoding="ascii")
    except OSError:
        missing("only root may make the kernel repeat an event")
    assert "net" in heard(watch, "net").triggers


@pytest.mark.heard_by_all
def test_a_changed_address_arrives_as_route(watch: NetlinkWatch) -> None:
    try:
        change_loopback_address()
    except PermissionError:
        missing("only root may change addresses")
    assert ROUTE in heard(watch, ROUTE).triggers


@pytest.mark.heard_by_all
def test_an_event_from_another_user_is_not_believed(watch: NetlinkWatch) -> None:
    multicast(udev_form(), UDEV_GROUP, uid=1000)
    send_marker()
    events = heard(watch, MARKER)
    assert MARKER in events.triggers
    assert SENT not in events.triggers


@pytest.mark.heard_by_all
def test_a_process_cannot_speak_for_the_kernel(watch: NetlinkWatch) -> None:
    multicast(KERNEL_FORM, KERNEL_GROUP)
    send_marker()
    events = heard(watch, MARKER)
    assert MARKER in events.triggers
    assert SENT not in events.triggers


@pytest.mark.heard_by_all
def test_a_message_sent_to_the_socket_alone_is_not_believed(watch: NetlinkWatch) -> None:
    port = socket.socket(fileno=os.dup(watch.descriptors()[0]))
    with port, socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_KOBJECT_UEVENT) as sender:
        try:
            sender.sendto(udev_form(), (port.getsockname()[0], 0))
        except PermissionError:
            missing("only root may send uevents")
    send_marker()
    events = heard(watch, MARKER)
    assert MARKER in events.triggers
    assert SENT not in events.triggers


@pytest.mark.heard_by_all
def test_a_believed_event_that_is_garbage_means_that_anything_may_have_changed(
    watch: NetlinkWatch,
) -> None:
    multicast(b"garbage", UDEV_GROUP)
    send_marker()
    assert heard(watch, MARKER).lost


@pytest.mark.heard_by_all
def test_more_events_than_fit_mean_that_anything_may_have_changed(watch: NetlinkWatch) -> None:
    message = udev_form(PROPERTIES + b"PADDING=" + b"x" * 8000 + b"\0")
    for _ in range(2000):
        multicast(message, UDEV_GROUP)
    events = heard(watch, SENT)
    assert events.lost, "an overrun buffer must be told as lost events"
    assert SENT in events.triggers


def test_looking_without_events_does_not_wait(watch: NetlinkWatch) -> None:
    began = time.monotonic()
    watch.read()
    assert time.monotonic() - began < 5


@pytest.mark.heard_by_all
def test_a_waiting_select_ends_when_an_event_arrives(watch: NetlinkWatch) -> None:
    sender = threading.Timer(0.1, multicast, (udev_form(), UDEV_GROUP))
    sender.start()
    began = time.monotonic()
    ready, _, _ = select.select(watch.descriptors(), [], [], 60.0)
    sender.join()
    assert ready, "no event within a minute"
    assert time.monotonic() - began < 30


def test_it_says_which_names_it_delivers(watch: NetlinkWatch) -> None:
    assert watch.delivers("usb")
    assert watch.delivers(ROUTE)
    assert not watch.delivers(MOUNT), "that is for the watch of the mounts"
    for name in (SETTINGS, PROCESS, PACKAGES, RESUME):
        assert not watch.delivers(name), "that is no kernel subsystem"
    assert not watch.delivers("org.gnome.ScreenSaver"), "bus names come over D-Bus"


def test_a_system_without_netlink_is_polled(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(socket, "socket", refused)
    watch = NetlinkWatch()
    assert watch.descriptors() == ()
    assert not watch.read()
    assert not watch.delivers("usb")
    assert not watch.delivers(ROUTE)
    watch.close()


def test_another_system_has_no_watch_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "freebsd14")
    watch = this_watch()
    assert watch.descriptors() == ()
    assert not watch.read()
    assert not watch.delivers("usb")
    watch.close()


def change_loopback_address() -> None:
    """Add and remove 127.99.0.1 (RTM_NEWADDR, RTM_DELADDR of rtnetlink(7))."""
    address = socket.inet_aton("127.99.0.1")
    index = socket.if_nametoindex("lo")
    body = struct.pack("=BBBBI", socket.AF_INET, 32, 0, 254, index)
    body += struct.pack("=HH4s", 8, 2, address) + struct.pack("=HH4s", 8, 1, address)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as route:
        for kind, flags in ((20, 0x605), (21, 0x5)):
            header = NETLINK_HEADER.pack(NETLINK_HEADER.size + len(body), kind, flags, 1, 0)
            route.send(header + body)
            answer = route.recv(4096)
            error = struct.unpack_from("=i", answer, NETLINK_HEADER.size)[0]
            if error:
                raise OSError(-error, os.strerror(-error))
