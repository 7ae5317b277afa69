"""Readers under a deadline: whatever one does, the others go on and the server gets words."""

import dataclasses
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from passmuster_collectors import runner
from passmuster_collectors.contract import codec
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.reading import (
    Reading,
    Source,
    SourceOutcome,
    Status,
    not_applicable,
    ok,
)
from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.host.base import (
    Host,
    SourceConflictError,
    SourceDeniedError,
    SourceError,
    SourceMissingError,
    SourceTimeoutError,
)
from passmuster_collectors.runner import collect
from passmuster_collectors.signals.signal import Reader, Signal
from passmuster_collectors.signals.usb_devices import SIGNAL
from passmuster_collectors.signals.usb_devices.facts import UsbDevicesFacts
from passmuster_collectors.signals.usb_devices.rule import UsbLimits
from tests.support.recorded_host import RecordedHost
from tests.support.tools import REPOSITORY

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
SECRET = "hunter2"


def signal(reader: Reader | None, name: str = "usb_devices") -> Signal[UsbDevicesFacts, UsbLimits]:
    readers = {Platform.LINUX: reader, Platform.MACOS: None, Platform.WINDOWS: None}
    return dataclasses.replace(SIGNAL, id=name, readers=readers)


def read_well(name: str = "usb_devices") -> Reader:
    return lambda host: ok(name, host.now(), UsbDevicesFacts(()), [Source("x", SourceOutcome.READ)])


def read_one(reader: Reader | None, *, deadline_s: float = 5.0) -> Reading:
    (reading,) = collect(RecordedHost({}), [signal(reader)], deadline_s=deadline_s)
    return reading


def raising(error: BaseException) -> Reader:
    def read(_: Host) -> Reading:
        raise error

    return read


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """What a stuck reader waits for; it is let go when the test ends."""
    event = threading.Event()
    yield event
    event.set()
    deadline = time.monotonic() + 30
    while _reading_threads() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _reading_threads()


def stuck(release: threading.Event) -> Reader:
    def read(host: Host) -> Reading:
        release.wait(30)
        return read_well()(host)

    return read


def _reading_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("read ")]


def test_readings_come_in_the_order_of_their_signals() -> None:
    def slowly(host: Host) -> Reading:
        time.sleep(0.2)
        return read_well("slow")(host)

    signals = [signal(slowly, "slow"), signal(read_well("fast"), "fast")]
    readings = collect(RecordedHost({}), signals)
    assert [(each.signal, each.status) for each in readings] == [
        ("slow", Status.OK),
        ("fast", Status.OK),
    ]


def test_readers_run_side_by_side() -> None:
    meeting = threading.Barrier(5, timeout=5)

    def wait_for_all(name: str) -> Reader:
        def read(host: Host) -> Reading:
            meeting.wait()
            return read_well(name)(host)

        return read

    names = [f"signal_{number}" for number in range(5)]
    readings = collect(RecordedHost({}), [signal(wait_for_all(name), name) for name in names])
    assert {each.status for each in readings} == {Status.OK}


@pytest.mark.parametrize(
    "kind", [SourceDeniedError, SourceMissingError, SourceTimeoutError, SourceConflictError]
)
def test_a_source_that_refuses_is_told_with_its_outcome(kind: type[SourceError]) -> None:
    reading = read_one(raising(kind("/sys/bus", "EACCES")))
    assert reading.status is Status.UNAVAILABLE
    assert reading.facts is None
    assert reading.sources == (Source("/sys/bus", kind.outcome, "EACCES"),)


def test_each_outcome_has_its_own_sentence_for_the_worker() -> None:
    kinds = [SourceDeniedError, SourceMissingError, SourceTimeoutError, SourceConflictError]
    reasons = {read_one(raising(kind("x"))).reason for kind in kinds}
    assert len(reasons) == 4
    assert all(reason.endswith(".") and len(reason) > 20 for reason in reasons)


@pytest.mark.parametrize(
    "error", [ValueError(SECRET), KeyError(SECRET), OSError(SECRET), RecursionError(SECRET)]
)
def test_an_error_of_our_own_is_told_without_its_text(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    reading = read_one(raising(error))
    assert (reading.status, reading.reason) == (Status.UNAVAILABLE, runner.OWN_ERROR)
    assert reading.sources == (Source("reader", SourceOutcome.CONFLICT, type(error).__name__),)
    assert SECRET not in str(codec.encode(reading))
    assert SECRET not in caplog.text
    assert f"{type(error).__name__} at test_runner.py:" in caplog.text


def broken(change: Callable[[Reading], Reading]) -> Reader:
    return lambda host: change(read_well()(host))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda reading: dataclasses.replace(reading, signal="other"), "signal"),
        (lambda reading: dataclasses.replace(reading, reason="x" * 600), "reason"),
        (lambda reading: dataclasses.replace(reading, facts={"devices": 5}), "facts.devices"),
        (lambda reading: dataclasses.replace(reading, facts={"more": 5}), "facts.more"),
        (
            lambda reading: dataclasses.replace(reading, sources=reading.sources * 65),
            "sources",
        ),
    ],
)
def test_a_reading_that_a_server_would_refuse_never_leaves_the_laptop(
    change: Callable[[Reading], Reading], field: str
) -> None:
    reading = read_one(broken(change))
    assert (reading.status, reading.reason) == (Status.UNAVAILABLE, runner.OWN_ERROR)
    assert reading.sources[0].detail == f"breaks the contract at {field}"


def test_a_system_without_a_reader_is_unavailable_and_judged_unknown() -> None:
    without = signal(None)
    reading = read_one(None)
    assert (reading.status, reading.reason) == (Status.UNAVAILABLE, runner.NOT_ON_THIS_SYSTEM)
    assert SIGNAL.judge(reading, SIGNAL.limits()).outcome is Outcome.UNKNOWN
    assert without.readers[Platform.LINUX] is None


def test_what_does_not_apply_stays_so() -> None:
    reading = read_one(lambda host: not_applicable("usb_devices", host.now(), "No USB.", []))
    assert (reading.status, reading.reason) == (Status.NOT_APPLICABLE, "No USB.")


def test_a_reader_that_is_late_does_not_keep_the_others_waiting(release: threading.Event) -> None:
    signals = [signal(stuck(release), "stuck"), signal(read_well("well"), "well")]
    started = time.monotonic()
    late, well = collect(RecordedHost({}), signals, deadline_s=0.3)
    assert time.monotonic() - started < 2
    assert (late.status, late.reason) == (Status.UNAVAILABLE, runner.TOO_SLOW)
    assert late.sources == (Source("reader", SourceOutcome.TIMEOUT, "no answer in 0.3 s"),)
    assert well.status is Status.OK


def test_the_deadline_is_for_all_readers_together(release: threading.Event) -> None:
    signals = [signal(stuck(release), f"stuck_{number}") for number in range(5)]
    started = time.monotonic()
    collect(RecordedHost({}), signals, deadline_s=0.3)
    assert time.monotonic() - started < 1, "five late readers take no longer than one"


def test_a_reader_that_stays_stuck_costs_one_thread_however_often_it_is_asked(
    release: threading.Event,
) -> None:
    host = RecordedHost({})
    signals = [signal(stuck(release), "stuck"), signal(read_well("well"), "well")]
    readings = [collect(host, signals, deadline_s=0.05) for _ in range(10)]
    assert {late.sources[0].outcome for late, _ in readings} == {SourceOutcome.TIMEOUT}
    assert {well.status for _, well in readings} == {Status.OK}
    assert readings[-1][0].reason == runner.STILL_WAITING
    assert len(_reading_threads()) == 1


def test_a_reader_that_came_back_is_asked_again(release: threading.Event) -> None:
    host = RecordedHost({})
    slow = signal(stuck(release))
    collect(host, [slow], deadline_s=0.05)
    release.set()
    deadline = time.monotonic() + 30
    while _reading_threads() and time.monotonic() < deadline:
        time.sleep(0.01)
    (reading,) = collect(host, [slow])
    assert reading.status is Status.OK


def test_a_stuck_reader_does_not_keep_the_process_from_ending(release: threading.Event) -> None:
    collect(RecordedHost({}), [signal(stuck(release))], deadline_s=0.05)
    assert all(thread.daemon for thread in _reading_threads())


def test_nothing_to_read_is_no_error() -> None:
    assert collect(RecordedHost({}), []) == ()


def test_reading_side_by_side_imports_nothing_side_by_side() -> None:
    program = """
import sys, threading
from passmuster_collectors import runner
from passmuster_collectors.signals import CATALOG
from tests.support.recorded_host import RecordedHost

host, foreign = RecordedHost({"platform": "linux"}), []
class Finder:
    def find_spec(self, name, *_):
        here = threading.current_thread() is threading.main_thread()
        if name.startswith("passmuster") and not here:
            foreign.append(name)
sys.meta_path.insert(0, Finder())
runner.collect(host, CATALOG)
print(*foreign)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd=REPOSITORY,
    )
    assert done.stdout.split() == []
