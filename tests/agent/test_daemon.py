"""The resident agent as a real process: real readers, real netlink, real uploads."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from passmuster_agent import daemon as daemon_module
from passmuster_agent.collection import Collection
from passmuster_agent.config import Device, State
from passmuster_agent.daemon import Daemon
from passmuster_agent.database import OutboxError
from passmuster_agent.delivery import DeliveryKind
from passmuster_agent.dispatch import Dispatch
from passmuster_agent.errors import ExitCode
from passmuster_agent.outbox import Outbox
from passmuster_collectors.contract.problem import Problem
from passmuster_collectors.contract.reading import Status
from passmuster_collectors.contract.verdict import Verdict
from passmuster_collectors.host import clocks
from passmuster_collectors.host.events import RESUME, Events, Watches
from passmuster_collectors.host.linux import LinuxHost
from passmuster_collectors.signals import CATALOG
from tests.support import recorded_host
from tests.support.agent_records import a_record
from tests.support.recorded_host import RecordedHost
from tests.support.report_server import HANG_UP, ReportServer, refusal
from tests.support.tools import REPOSITORY
from tests.support.usb_stage import STICK, on_stage, plug_in, pull_out, require_stage

HEAVY = ("requests", "keyring", "cryptography", "asyncio", "pydantic", "jeepney", "urllib3", "ssl")
HEALTHY = REPOSITORY / "tests" / "recordings" / "linux" / "healthy_laptop" / "machine.json"
HEAVY_LIBRARIES = ("cryptography", "_cffi", "libssl", "libcrypto", "_lzma", "_bz2")
NEEDLESS = (
    *("argparse", "gettext", "shutil"),
    *(("ast", "dis") if sys.version_info < (3, 12) else ()),
)
"""The parser of people's commands, and what reading source code takes: `dataclasses` of Python 3.12
needs that."""


@contextmanager
def running(state: State, within: list[str] | None = None) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "passmuster_agent.cli", "run", "--state", str(state.path)]
    with subprocess.Popen(
        [*(within or []), *command], stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    _, log = process.communicate(timeout=30)
    return process.returncode, log


def external_sticks(server: ReportServer) -> int:
    """Return how many sticks the newest report tells of."""
    if not server.records:
        return -1
    usb = next(each for each in server.records[-1].readings if each.signal == "usb_devices")
    return sum(
        device["product_id"] == "5581" for device in (usb.facts or {"devices": []})["devices"]
    )


def reported(server: ReportServer, uploads: int) -> bool:
    return len(server.uploads) == uploads


class TestRunning:
    def test_reports_every_signal_at_once_and_ends_when_told(
        self, server: ReportServer, state: State, enrolled: Device
    ) -> None:
        with running(state) as process:
            assert server.wait_for(lambda: len(server.records) >= 1), "no report arrived"
            process.send_signal(signal.SIGTERM)
            status, log = ended(process)
        assert status == ExitCode.DONE, log
        assert {each.signal for each in server.records[0].readings} == {each.id for each in CATALOG}
        assert "ana@example.com" in log
        assert server.records[0].device == enrolled.device

    def test_says_nothing_more_while_nothing_changes(
        self, server: ReportServer, state: State, enrolled: Device
    ) -> None:
        with running(state):
            assert server.wait_for(lambda: len(server.uploads) >= 1)
            assert not server.wait_for(lambda: len(server.uploads) >= 2, timeout_s=3)

    def test_tells_the_servers_verdict_in_its_log(
        self, server: ReportServer, state: State, enrolled: Device
    ) -> None:
        server.verdict = Verdict.NON_COMPLIANT
        with running(state) as process:
            assert process.stderr is not None
            lines = iter(process.stderr.readline, "")
            assert any("verdict: non compliant" in line for line in lines)

    @pytest.mark.heard_by_all
    def test_hears_a_stick_over_real_netlink_and_reports_it_at_once(
        self, server: ReportServer, state: State, enrolled: Device
    ) -> None:
        require_stage()
        with running(state, on_stage([])) as process:
            assert server.wait_for(lambda: external_sticks(server) == 0), "no first report"
            time.sleep(0.5)
            began = time.monotonic()
            plug_in(process.pid, STICK)
            assert server.wait_for(lambda: external_sticks(server) == 1), "the stick is missing"
            took = time.monotonic() - began
            pull_out(process.pid, STICK)
            assert server.wait_for(lambda: external_sticks(server) == 0), "the stick is still there"
        print(f"from event to accepted report: {took * 1000:.0f} ms")
        assert took < 15.0, "without the event it would be read after a quarter of an hour"

    def test_goes_on_after_kill_9(
        self, server: ReportServer, state: State, enrolled: Device
    ) -> None:
        for count in (1, 2, 3):
            with running(state) as process:
                assert server.wait_for(partial(reported, server, count))
                process.kill()
        assert [upload.sequence for upload in server.uploads] == [1, 2, 3]
        assert [record.sequence for record in server.records] == [1, 2, 3]

    def test_tries_again_when_the_server_comes_back(
        self, server: ReportServer, state: State, enrolled: Device
    ) -> None:
        server.instead.extend([HANG_UP, refusal(503, "overloaded", "Soon.")])
        with running(state):
            assert server.wait_for(lambda: len(server.records) == 1, timeout_s=40)
        assert len(server.bodies) == 3
        assert len(set(server.bodies)) == 1, "the very same bytes are sent again"

    def test_stops_when_it_is_revoked(
        self, server: ReportServer, state: State, enrolled: Device
    ) -> None:
        server.devices[enrolled.device].revoked = True
        with running(state) as process:
            status, log = ended(process)
        assert status == ExitCode.REFUSED
        assert "IT has revoked this laptop." in log
        assert "Traceback" not in log

    def test_a_second_one_on_the_same_state_is_refused(
        self, server: ReportServer, state: State, enrolled: Device
    ) -> None:
        with running(state):
            assert server.wait_for(lambda: len(server.uploads) >= 1)
            with running(state) as second:
                status, log = ended(second)
        assert status == ExitCode.ALREADY_RUNNING
        assert "Another agent works on" in log

    def test_a_laptop_that_is_not_enrolled_is_told_how(self, state: State) -> None:
        with running(state) as process:
            status, log = ended(process)
        assert status == ExitCode.NOT_ENROLLED
        assert "passmuster-agent enroll" in log
        assert "Traceback" not in log


class TestWhatStaysInMemory:
    def test_importing_the_resident_modules_loads_no_heavy_library(self) -> None:
        program = (
            "import sys, passmuster_agent.cli, passmuster_agent.daemon\n"
            "from passmuster_collectors.host.events import this_watch\n"
            "this_watch().read()\n"
            f"print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
        )
        output = subprocess.check_output([sys.executable, "-c", program], text=True, timeout=60)
        assert output.split() == []

    def test_a_daemon_that_the_system_starts_and_that_has_read_all_loads_nothing_needless(
        self, server: ReportServer, state: State, enrolled: Device
    ) -> None:
        program = (
            "import signal, sys\n"
            "from passmuster_agent import cli\n"
            "def tell(*_):\n"
            # Where there is no specification another module only stands in.
            "    loaded = {each for each, found in sys.modules.items()"
            " if getattr(found, '__spec__', None)}\n"
            f"    print(*sorted(loaded & set({NEEDLESS + HEAVY!r})), 'told', flush=True)\n"
            "signal.signal(signal.SIGUSR1, tell)\n"
            f"raise SystemExit(cli.main(['run', '--state', {str(state.path)!r}]))"
        )
        with subprocess.Popen(
            [sys.executable, "-P", "-c", program],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process:
            try:
                assert server.wait_for(lambda: len(server.uploads) >= 1)
                process.send_signal(signal.SIGUSR1)
                assert process.stdout is not None
                told = process.stdout.readline().split()
            finally:
                process.terminate()
        # The readers ask the buses with that library where there is one to ask.
        assert [each for each in told if each != "jeepney"] == ["told"]

    def test_a_running_daemon_that_has_reported_has_none_mapped(
        self, server: ReportServer, state: State, enrolled: Device
    ) -> None:
        with running(state) as process:
            assert server.wait_for(lambda: len(server.uploads) >= 1)
            time.sleep(0.5)
            maps = Path(f"/proc/{process.pid}/maps").read_text(encoding="utf-8")
        mapped = {line.split()[-1] for line in maps.splitlines() if "/" in line}
        assert not [path for path in mapped if any(name in path for name in HEAVY_LIBRARIES)]


@pytest.fixture
def outbox(state: State, enrolled: Device) -> Iterator[Outbox]:
    with Outbox(state.outbox(enrolled)) as opened:
        yield opened


@pytest.fixture
def dispatch(state: State) -> Iterator[Dispatch]:
    made = Dispatch(state.path, lambda _, most: most)
    yield made
    made.stop()


@pytest.fixture
def daemon(outbox: Outbox, enrolled: Device, dispatch: Dispatch) -> Daemon:
    # A laptop that nothing happens to: on a real one packages may be counted meanwhile.
    collection = Collection(enrolled, outbox, recorded_host.load(HEALTHY), CATALOG)
    return Daemon(outbox, collection, CATALOG, Watches(), dispatch)


def test_updates_are_counted_with_the_full_check_alone() -> None:
    updates = next(each for each in CATALOG if each.id == "system_updates")
    screen = next(each for each in CATALOG if each.id == "screen_lock")
    assert daemon_module._announced(updates, Watches()), "counting them is too slow to poll"
    assert not daemon_module._announced(screen, Watches())


class Announcing(Watches):
    """A watch that delivers everything until it breaks."""

    broken = False

    def delivers(self, trigger: str) -> bool:
        return not self.broken


class Counted(LinuxHost):
    """This machine; counts how often folders are listed."""

    asked = 0

    def list_directory(self, path: str) -> tuple[str, ...]:
        self.asked += 1
        return super().list_directory(path)


def step_until(daemon: Daemon, at: float, done: Callable[[], bool]) -> None:
    """Step at the same moment until the reporter, which takes real time, has come back."""
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline, "the reporter did not come back"
        daemon.step(at, Events())
        time.sleep(0.02)


def _waiting(outbox: Outbox) -> int:
    return outbox.overview().waiting


def _has_taken(answers: int, outbox: Outbox, dispatch: Dispatch) -> bool:
    """Whether so many answers have come, and no reporter is on its way with another."""
    sequence, _ = outbox.ratchet()
    return sequence == answers + 1 and not dispatch.descriptors()


def _has_set_aside(records: int, outbox: Outbox, dispatch: Dispatch) -> bool:
    """Whether the server has refused so many records, and no reporter is on its way."""
    return len(outbox.overview().set_aside) == records and not dispatch.descriptors()


class TestSteps:
    def test_what_changed_while_events_were_lost_is_read_and_reported(
        self, outbox: Outbox, enrolled: Device, dispatch: Dispatch
    ) -> None:
        machine = json.loads(HEALTHY.read_text(encoding="utf-8"))
        collection = Collection(enrolled, outbox, RecordedHost(machine), CATALOG)
        daemon = Daemon(outbox, collection, CATALOG, Watches(), dispatch)
        now = clocks.since_boot_s()
        daemon.step(now, Events())
        first = outbox.latest()
        machine.setdefault("directories", {})["/sys/bus/usb/devices"] = {"error": "denied"}
        daemon.step(now + 1, Events())
        assert outbox.latest() == first, "without an event nothing is read"
        daemon.step(now + 2, Events(lost=True))
        second = outbox.latest()
        assert second is not None
        assert second != first, "the change was not found"
        usb = next(each for each in second.readings if each.signal == "usb_devices")
        assert usb.status is Status.UNAVAILABLE

    def test_lost_events_behind_which_nothing_changed_are_not_reported(
        self, daemon: Daemon, outbox: Outbox
    ) -> None:
        now = clocks.since_boot_s()
        daemon.step(now, Events())
        first = outbox.latest()
        daemon.step(now + 1, Events(lost=True))
        assert outbox.latest() == first

    def test_an_event_that_changes_nothing_is_not_reported(
        self, daemon: Daemon, outbox: Outbox
    ) -> None:
        now = clocks.since_boot_s()
        daemon.step(now, Events())
        first = outbox.latest()
        daemon.step(now + 1, Events(frozenset({"usb", "block", "net", "route"})))
        daemon.step(now + 3, Events())
        assert outbox.latest() == first

    def test_after_sleep_everything_is_read_and_reported(
        self, daemon: Daemon, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = clocks.since_boot_s()
        daemon.step(now, Events())
        first = outbox.latest()
        asleep = clocks.asleep_s() + 3600
        monkeypatch.setattr(clocks, "asleep_s", lambda: asleep)
        daemon.step(now + 3602, Events())
        assert outbox.latest() != first

    def test_when_the_system_says_that_it_is_awake_everything_is_read_and_reported(
        self, daemon: Daemon, outbox: Outbox
    ) -> None:
        now = clocks.since_boot_s()
        daemon.step(now, Events())
        first = outbox.latest()
        daemon.step(now + 60, Events(frozenset({RESUME})))
        assert outbox.latest() != first

    def test_what_is_not_announced_is_read_every_minute_while_that_is_so(
        self, outbox: Outbox, enrolled: Device, dispatch: Dispatch
    ) -> None:
        announcing = Announcing()
        counted = Counted(enrolled.hash_key_bytes())
        usb = [each for each in CATALOG if each.id == "usb_devices"]
        collection = Collection(enrolled, outbox, counted, usb)
        daemon = Daemon(outbox, collection, usb, announcing, dispatch)
        now = clocks.since_boot_s()
        daemon.step(now, Events())
        asked = counted.asked
        daemon.step(now + 61, Events())
        assert counted.asked == asked, "it would have been announced"
        announcing.broken = True
        daemon.step(now + 122, Events())
        assert counted.asked > asked

    def test_an_outbox_that_cannot_be_written_is_told_once_and_tried_again(
        self,
        daemon: Daemon,
        outbox: Outbox,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        def full(*_: object, **__: object) -> None:
            raise OutboxError("The disk is full.", "Free some space.")

        now = clocks.since_boot_s()
        with monkeypatch.context() as broken:
            broken.setattr(outbox, "append", full)
            daemon.step(now, Events())
            daemon.step(now + daemon_module.SAVE_AGAIN_S, Events())
        assert [each.message for each in caplog.records] == ["The disk is full. Free some space."]
        assert outbox.latest() is None
        caplog.set_level("INFO")
        daemon.step(now + 2 * daemon_module.SAVE_AGAIN_S, Events())
        assert outbox.latest() is not None
        assert caplog.records[-1].message == "New readings are kept again."

    def test_a_fresh_report_that_the_server_asks_for_is_one_report(
        self, daemon: Daemon, outbox: Outbox, server: ReportServer, dispatch: Dispatch
    ) -> None:
        server.report_within_s = 5
        now = clocks.since_boot_s()
        step_until(daemon, now, lambda: _has_taken(1, outbox, dispatch))
        daemon.step(now + 4.9, Events())
        assert _waiting(outbox) == 0, "it was read before its time"
        server.report_within_s = 1200
        step_until(daemon, now + 5, lambda: _has_taken(2, outbox, dispatch))
        for later in range(6, 700, 2):
            daemon.step(now + later, Events())
        assert (_waiting(outbox), len(server.uploads)) == (0, 2), "one was asked for"

    def test_a_fresh_report_that_the_server_asks_for_and_refuses_is_one_report(
        self, daemon: Daemon, outbox: Outbox, server: ReportServer, dispatch: Dispatch
    ) -> None:
        server.report_within_s = 5
        now = clocks.since_boot_s()
        step_until(daemon, now, lambda: _has_taken(1, outbox, dispatch))
        server.judge = lambda _: Problem("Refused", 400, "malformed", "It says what nobody can.")
        step_until(daemon, now + 5, lambda: _has_set_aside(1, outbox, dispatch))
        for later in range(6, 700, 2):
            daemon.step(now + later, Events())
            step_until(daemon, now + later, lambda: not dispatch.descriptors())
        assert len(server.bodies) == 2, "one was asked for"

    def test_a_laptop_that_is_offline_once_a_fresh_report_was_asked_for_keeps_one_record(
        self, daemon: Daemon, outbox: Outbox, server: ReportServer, dispatch: Dispatch
    ) -> None:
        server.report_within_s = 5
        now = clocks.since_boot_s()
        step_until(daemon, now, lambda: _has_taken(1, outbox, dispatch))
        dispatch.hold_until(now + 3600)
        for later in range(1, 700):
            daemon.step(now + later, Events())
        assert _waiting(outbox) == 1

    def test_a_network_that_comes_back_ends_the_pause(
        self, daemon: Daemon, server: ReportServer, dispatch: Dispatch
    ) -> None:
        server.instead.append(HANG_UP)
        now = clocks.since_boot_s()
        step_until(daemon, now, lambda: bool(server.bodies) and dispatch.next_at() == now + 5.0)
        daemon.step(now + 0.5, Events(frozenset({"route"})))
        step_until(daemon, now + 0.5, lambda: len(server.uploads) == 1)

    def test_the_servers_wish_outlasts_a_changed_network(
        self, daemon: Daemon, server: ReportServer, dispatch: Dispatch
    ) -> None:
        server.instead.append(refusal(503, "overloaded", "Soon.", "", {"Retry-After": "30"}))
        now = clocks.since_boot_s()
        step_until(daemon, now, lambda: bool(server.bodies) and dispatch.next_at() == now + 35.0)
        daemon.step(now + 1, Events(frozenset({"route"})))
        assert dispatch.next_at() == now + 35.0

    def test_a_reporter_that_cannot_start_is_tried_again(
        self,
        daemon: Daemon,
        dispatch: Dispatch,
        server: ReportServer,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        now = clocks.since_boot_s()
        with monkeypatch.context() as broken:
            broken.setattr(sys, "executable", "/nonexistent/python")
            daemon.step(now, Events())
        assert dispatch.next_at() == now + 5.0
        step_until(daemon, now + 5.0, lambda: len(server.uploads) == 1)

    def test_a_reporter_that_dies_is_tried_again(
        self,
        daemon: Daemon,
        dispatch: Dispatch,
        server: ReportServer,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        now = clocks.since_boot_s()
        with monkeypatch.context() as broken:
            broken.setattr(
                "passmuster_agent.reporter_process.command", lambda _: [sys.executable, "-c", "1/0"]
            )
            step_until(daemon, now, lambda: dispatch.next_at() == now + 5.0)
        step_until(daemon, now + 5.0, lambda: len(server.uploads) == 1)

    def test_a_reporter_that_hangs_is_killed_and_tried_again(
        self,
        daemon: Daemon,
        dispatch: Dispatch,
        server: ReportServer,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        now = clocks.since_boot_s()
        with monkeypatch.context() as broken:
            sleeping = [sys.executable, "-c", "import time; time.sleep(1000)"]
            broken.setattr("passmuster_agent.reporter_process.command", lambda _: sleeping)
            broken.setattr("passmuster_agent.reporter_process.LONGEST_RUN_S", 0.3)
            step_until(daemon, now, lambda: dispatch.next_at() == now + 5.0)
        step_until(daemon, now + 5.0, lambda: len(server.uploads) == 1)


class TestAfterBoot:
    def test_the_first_report_waits_up_to_a_minute(
        self, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        outbox.append(a_record(), changed=True)
        monkeypatch.setattr(clocks, "boot_id", lambda: "another boot")
        monkeypatch.setattr(clocks, "since_boot_s", lambda: 20.0)
        assert daemon_module._just_booted(outbox)

    def test_a_restart_of_the_agent_alone_does_not_wait(
        self, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        outbox.append(a_record(), changed=True)
        monkeypatch.setattr(clocks, "since_boot_s", lambda: 20.0)
        assert not daemon_module._just_booted(outbox)

    def test_nor_does_a_laptop_that_was_enrolled_a_moment_ago(
        self, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(clocks, "since_boot_s", lambda: 20.0)
        assert not daemon_module._just_booted(outbox)

    def test_a_held_dispatch_sends_nothing_before_its_time(
        self, daemon: Daemon, dispatch: Dispatch, server: ReportServer
    ) -> None:
        now = clocks.since_boot_s()
        dispatch.hold_until(now + 42.0)
        assert daemon.step(now, Events()) is None
        assert dispatch.next_at() == now + 42.0
        assert dispatch.descriptors() == ()
        step_until(daemon, now + 42.0, lambda: len(server.uploads) == 1)


@pytest.mark.usefixtures("server")
def test_how_an_upload_ended_is_handed_on(daemon: Daemon) -> None:
    now = clocks.since_boot_s()
    deadline = time.monotonic() + 20
    delivered = None
    while delivered is None and time.monotonic() < deadline:
        delivered = daemon.step(now, Events())
        time.sleep(0.02)
    assert delivered is not None
    assert delivered.kind is DeliveryKind.ACCEPTED
