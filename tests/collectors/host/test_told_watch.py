import select
import threading
from collections.abc import Iterator

import pytest

from passmuster_collectors.host.events import Events
from passmuster_collectors.host.told_watch import ToldWatch

LONG_S = 20.0


@pytest.fixture
def watch() -> Iterator[ToldWatch]:
    opened = ToldWatch({"usb", "route"})
    yield opened
    opened.close()


def is_readable(watch: ToldWatch, wait_s: float = 0.0) -> bool:
    return bool(select.select(watch.descriptors(), [], [], wait_s)[0])


def test_what_another_thread_tells_ends_the_waiting(watch: ToldWatch) -> None:
    threading.Timer(0.05, watch.tell, ("usb", "route")).start()
    assert is_readable(watch, LONG_S)
    assert watch.read() == Events(frozenset({"usb", "route"}))


def test_nothing_is_told_twice(watch: ToldWatch) -> None:
    watch.tell("usb")
    watch.tell("usb")
    assert watch.read() == Events(frozenset({"usb"}))
    assert watch.read() == Events()
    assert not is_readable(watch)


def test_what_was_lost_is_told_as_lost(watch: ToldWatch) -> None:
    watch.tell(lost=True)
    assert watch.read() == Events(lost=True)
    assert watch.read() == Events()


def test_a_storm_fills_no_socket_for_good(watch: ToldWatch) -> None:
    for _ in range(200_000):
        watch.tell("usb")
    assert watch.read() == Events(frozenset({"usb"}))
    assert not is_readable(watch)


def test_it_delivers_what_it_was_made_for(watch: ToldWatch) -> None:
    assert watch.delivers("usb")
    assert not watch.delivers("mount")


def test_a_late_callback_does_no_harm(watch: ToldWatch) -> None:
    watch.close()
    watch.tell("usb")
