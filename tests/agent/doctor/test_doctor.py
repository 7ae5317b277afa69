"""`passmuster-agent doctor` as a process, and the agent's own health against a real server."""

import dataclasses
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from passmuster_agent.config import Device, State
from passmuster_agent.delivery import Delivery, DeliveryKind
from passmuster_agent.doctor import health
from passmuster_agent.doctor.diagnose import diagnose
from passmuster_agent.doctor.findings import Condition, Diagnosis
from passmuster_agent.doctor.surroundings import RootHelperState, Surroundings
from passmuster_agent.errors import ExitCode
from passmuster_agent.outbox import Outbox
from passmuster_agent.recording.record import holds_more
from passmuster_collectors.contract import codec
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.reading import SourceOutcome, Status
from passmuster_collectors.runner import collect
from passmuster_collectors.signals import CATALOG
from tests.support.agent_records import a_record
from tests.support.recorded_host import RecordedHost, load
from tests.support.report_server import ReportServer
from tests.support.tools import REPOSITORY


def doctor(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "passmuster_agent.cli", "doctor", *arguments],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


class TestCommand:
    def test_tells_each_signal_with_its_sources_and_what_mends_it(self, state: State) -> None:
        done = doctor("--state", str(state.path))
        assert done.returncode == ExitCode.FAILED, done.stderr
        assert "passmuster-agent enroll --server URL" in done.stdout
        for signal in CATALOG:
            assert f"({signal.id})" in done.stdout
        assert "Something is wrong" in done.stdout

    def test_tells_programs_the_same(self, state: State) -> None:
        done = doctor("usb_devices", "--json", "--state", str(state.path))
        found = codec.decode(Diagnosis, json.loads(done.stdout))
        assert [each.id for each in found.signals] == ["usb_devices"]
        assert found.wrong
        assert done.returncode == ExitCode.FAILED

    def test_a_signal_that_does_not_exist_is_named_with_those_that_do(self) -> None:
        done = doctor("telepathy")
        assert done.returncode == ExitCode.USAGE
        assert "'telepathy'" in done.stderr
        assert "usb_devices" in done.stderr

    def test_records_a_machine_that_reads_as_this_one(self, tmp_path: Path) -> None:
        done = doctor("--record", str(tmp_path / "new"))
        assert done.returncode == ExitCode.DONE, done.stderr
        assert "Look through machine.json" in done.stdout
        readings = collect(load(tmp_path / "new" / "machine.json"), CATALOG)
        expected = json.loads((tmp_path / "new" / "expected.json").read_text())
        found = {
            signal.id: {
                "status": reading.status.value,
                "outcome": signal.judge(reading, signal.limits()).outcome.value,
                "problems": [
                    each.problem for each in signal.judge(reading, signal.limits()).findings
                ],
            }
            for signal, reading in zip(CATALOG, readings, strict=True)
        }
        assert found == expected

    def test_does_not_write_over_a_recording(self, tmp_path: Path) -> None:
        (tmp_path / "machine.json").write_text("mine")
        done = doctor("--record", str(tmp_path))
        assert done.returncode == ExitCode.FAILED
        assert "There is a recording" in done.stderr
        assert (tmp_path / "machine.json").read_text() == "mine"


@pytest.mark.parametrize(
    ("path", "kept_out"),
    [
        ("/home/ana/.config/dconf/user", True),
        ("/run/user/1000/dconf/user", True),
        ("/usr/share/glib-2.0/schemas/gschemas.compiled", True),
        ("/etc/dconf/db/local", False),
        ("/home/ana/.config/kscreenlockerrc", False),
    ],
)
def test_all_of_a_persons_settings_are_kept_out_of_a_recording(path: str, kept_out: bool) -> None:
    assert holds_more(path) is kept_out


def found(state: State, **surroundings: object) -> dict[str, tuple[Condition, str, str]]:
    around = Surroundings(Platform.LINUX, 990, "passmuster-agent", **surroundings)  # type: ignore[arg-type] # a table's values
    told = health.checks(state, RecordedHost({}), around)
    return {each.name: (each.condition, each.found, each.step) for each in told}


class TestHealth:
    def test_a_laptop_that_is_well(
        self, server: ReportServer, state: State, enrolled: Device
    ) -> None:
        with Outbox(state.outbox(enrolled)) as outbox:
            outbox.note(Delivery(DeliveryKind.ACCEPTED, datetime.now(UTC)))
        with state.lock():
            told = found(state, root_helper=RootHelperState.ANSWERS)
        assert {condition for condition, _, _ in told.values()} == {Condition.OK}, told
        assert set(told) == {
            *("enrolment", "key", "server", "clock", "outbox", "last report"),
            *("agent", "root helper"),
        }
        assert "ana@example.com" in told["enrolment"][1]

    def test_one_that_is_not_enrolled(self, state: State) -> None:
        condition, _, step = found(state)["enrolment"]
        assert condition is Condition.WRONG
        assert "passmuster-agent enroll" in step

    def test_one_whose_agent_is_a_service(self, state: State) -> None:
        host = RecordedHost({"status": {health.SERVICE_STATE: {"device": [8, 1]}}})
        (check, *_) = health.checks(state, host, Surroundings(Platform.LINUX, 1000, "ana"))
        assert check.condition is Condition.NOTE
        assert "sudo -u passmuster-agent" in check.step

    def test_a_key_that_is_gone(self, state: State, enrolled: Device) -> None:
        for path in state.identity(enrolled.identity).glob("key*"):
            path.unlink()
        assert found(state)["key"][0] is Condition.WRONG

    def test_a_server_that_does_not_answer(
        self, server: ReportServer, state: State, enrolled: Device
    ) -> None:
        state.save(_elsewhere(enrolled))
        told = found(state)
        assert told["server"][0] is Condition.WRONG
        assert "cannot be reached" in told["server"][1]
        assert "clock" not in told, "without the server's time there is none to compare with"

    def test_records_that_wait_and_a_report_that_failed(
        self, state: State, enrolled: Device
    ) -> None:
        with Outbox(state.outbox(enrolled)) as outbox:
            outbox.append(a_record(), changed=True)
            outbox.note(
                Delivery(DeliveryKind.LATER, datetime.now(UTC), problem="Busy.", remedy="Wait.")
            )
        told = found(state)
        assert told["outbox"][1] == "1 record(s) wait to be sent."
        assert told["last report"][0] is Condition.WRONG
        assert told["last report"][1].endswith("Busy.")
        assert told["last report"][2] == "Wait."

    def test_a_report_that_is_too_old(self, state: State, enrolled: Device) -> None:
        with Outbox(state.outbox(enrolled)) as outbox:
            outbox.note(Delivery(DeliveryKind.ACCEPTED, datetime.now(UTC) - timedelta(days=9)))
        assert found(state)["last report"][0] is Condition.WRONG

    def test_no_agent_and_no_root_helper(self, state: State) -> None:
        told = found(state, root_helper=RootHelperState.ABSENT)
        assert told["agent"][0] is Condition.WRONG
        assert told["root helper"][0] is Condition.WRONG
        assert "passmuster-agent-helper.socket" in told["root helper"][2]

    @pytest.mark.parametrize(
        ("date", "condition", "words"),
        [
            ("Thu, 26 Nov 2026 09:00:00 GMT", Condition.OK, "agrees"),
            ("Thu, 26 Nov 2026 09:10:00 GMT", Condition.WRONG, "600 s behind"),
            ("Wed, 25 Nov 2026 09:00:00 GMT", Condition.WRONG, "86400 s ahead"),
            ("", Condition.NOTE, "not tell"),
            ("yesterday", Condition.NOTE, "not tell"),
        ],
    )
    def test_the_clock(self, date: str, condition: Condition, words: str) -> None:
        check = health._clock(date, datetime(2026, 11, 26, 9, tzinfo=UTC))
        assert check.condition is condition
        assert words in check.found


def test_a_signal_that_was_read_asks_for_no_step() -> None:
    host = load(REPOSITORY / "tests/recordings/linux/healthy_laptop/machine.json")
    told = diagnose(State(Path("/nonexistent")), host, CATALOG)
    for signal in told.signals:
        refused = [each for each in signal.sources if each.outcome is not SourceOutcome.READ]
        assert all(each.why for each in refused)
        if signal.status is not Status.UNAVAILABLE:
            assert not any(each.step for each in refused)


def _elsewhere(device: Device) -> Device:
    return dataclasses.replace(device, server_url="http://127.0.0.1:9")
