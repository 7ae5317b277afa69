"""A key that can sign no more: said wherever somebody looks, and never replaced by a weaker one."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from passmuster_agent import reporter, status_text
from passmuster_agent.collection import Collection
from passmuster_agent.companion.listener import Companions
from passmuster_agent.config import Device, State
from passmuster_agent.daemon import Daemon
from passmuster_agent.delivery import KEY_UNUSABLE, Delivery, DeliveryKind, Obstacle
from passmuster_agent.doctor import health
from passmuster_agent.doctor.findings import Condition
from passmuster_agent.doctor.surroundings import Surroundings
from passmuster_agent.enrolment import Request, enroll
from passmuster_agent.errors import AgentError
from passmuster_agent.keystore import tpm_device
from passmuster_agent.outbox import Outbox
from passmuster_agent.rotate_key import rotate_key
from passmuster_agent.status import AgentStatus, describe
from passmuster_collectors.contract import codec
from passmuster_collectors.contract.enrolment import KeyTier
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.host import clocks
from passmuster_collectors.host.events import Events, Watches
from passmuster_collectors.signals import CATALOG
from tests.support import recorded_host
from tests.support.agent_records import a_record
from tests.support.recorded_host import RecordedHost
from tests.support.report_server import CODE, ReportServer
from tests.support.software_tpm import SoftwareTpm, software_tpm
from tests.support.tools import REPOSITORY, missing, require_tool

HEALTHY = REPOSITORY / "tests" / "recordings" / "linux" / "healthy_laptop" / "machine.json"
NOW = datetime.now(UTC)
Say = Callable[[str], None]


@pytest.fixture
def chip(monkeypatch: pytest.MonkeyPatch) -> Iterator[SoftwareTpm]:
    with software_tpm() as running:
        monkeypatch.setattr(tpm_device, "PATH", running.path)
        yield running


@pytest.fixture
def in_tpm(chip: SoftwareTpm, server: ReportServer, state: State, say: Say) -> Device:
    assert chip.path.exists()
    request = Request(server.url, None, "hardware", False)
    return enroll(state, request, lambda: CODE, say, tries=1)


def report(state: State) -> Delivery:
    with Outbox(state.outbox(state.device())) as outbox:
        outbox.append(a_record(), changed=True)
    return reporter.deliver(state)


def shown(state: State) -> AgentStatus:
    device = state.device()
    host = recorded_host.load(HEALTHY)
    with Outbox(state.outbox(device)) as outbox:
        readings = Collection(device, outbox, host, CATALOG)
        readings.read_all()
        return describe(device, outbox.overview(), readings.newest(), Platform.LINUX, running=True)


def test_a_cleared_tpm_stops_reports_and_status_says_which_tier_was_lost(
    chip: SoftwareTpm, state: State, in_tpm: Device
) -> None:
    assert report(state).kind is DeliveryKind.ACCEPTED
    assert "can't sign" not in status_text.render(shown(state), colour=False)
    chip.clear()
    delivered = report(state)
    assert (delivered.kind, delivered.code) == (DeliveryKind.LATER, KEY_UNUSABLE)
    assert "has been cleared" in delivered.problem
    status = shown(state)
    told = codec.encode(status)
    assert told["device"]["key_usable"] is False
    assert told["last_try"]["code"] == KEY_UNUSABLE
    text = status_text.render(status, colour=False)
    assert "The key in tier hardware can't sign: nothing is reported any more." in text
    assert in_tpm.device in text
    assert state.device().tier is KeyTier.HARDWARE
    assert not list(state.path.rglob("key.pem")), "no weaker tier may be used silently"


def test_a_sealed_key_that_opens_no_more_is_said(
    server: ReportServer, state: State, say: Say
) -> None:
    require_tool("systemd-creds")
    if os.geteuid() != 0:
        missing("only root may use the host's key of systemd-creds")
    request = Request(server.url, None, "sealed", False)
    device = enroll(state, request, lambda: CODE, say, tries=1)
    sealed = state.identity(device.identity) / "key.cred"
    sealed.write_bytes(sealed.read_bytes()[:-40])
    delivered = report(state)
    assert (delivered.kind, delivered.code) == (DeliveryKind.LATER, KEY_UNUSABLE)
    assert "systemd-creds could not decrypt" in delivered.problem
    assert "The key in tier sealed can't sign" in status_text.render(shown(state), colour=False)


def test_doctor_names_the_tier_the_device_and_what_it_has_to_do(
    chip: SoftwareTpm, state: State, in_tpm: Device
) -> None:
    chip.clear()
    around = Surroundings(Platform.LINUX, 990, "passmuster-agent")
    (key,) = [c for c in health.checks(state, RecordedHost({}), around) if c.name == "key"]
    assert key.condition is Condition.WRONG
    assert f"The key {in_tpm.fingerprint}, kept in tier hardware, can't sign." in key.found
    assert "has been cleared" in key.found
    assert f"--replaces {in_tpm.device}" in key.step


def test_doctor_signs_with_the_key_that_took_the_first_ones_place(
    state: State, enrolled: Device, say: Say
) -> None:
    renewed = rotate_key(state, None, say)
    assert renewed.key_name != enrolled.key_name
    around = Surroundings(Platform.LINUX, 990, "passmuster-agent")
    (key,) = [c for c in health.checks(state, RecordedHost({}), around) if c.name == "key"]
    assert key.condition is Condition.OK, key


class Listening(Companions):
    """Hears what people who are logged in are told."""

    def __init__(self) -> None:
        super().__init__(None)
        self.told: list[tuple[str, str]] = []

    def silenced(self, problem: str, remedy: str) -> None:
        self.told.append((problem, remedy))


@pytest.mark.parametrize(
    ("ended", "told"),
    [
        (Delivery(DeliveryKind.LATER, NOW, code=KEY_UNUSABLE), 1),
        (Delivery(DeliveryKind.STOPPED, NOW, code="revoked", problem="Revoked."), 1),
        (Delivery(DeliveryKind.LATER, NOW, obstacle=Obstacle.NETWORK), 0),
        (Delivery(DeliveryKind.LATER, NOW, obstacle=Obstacle.LAPTOP), 0),
    ],
    ids=["key lost", "revoked", "no network", "disk full"],
)
def test_people_are_told_when_no_report_will_come_until_somebody_acts(
    state: State, enrolled: Device, ended: Delivery, told: int
) -> None:
    listening = Listening()
    dispatch = SimpleNamespace(
        step=lambda _: ended, wanted=lambda: None, network_changed=lambda: None, ran=None
    )
    with Outbox(state.outbox(enrolled)) as outbox:
        collection = Collection(enrolled, outbox, recorded_host.load(HEALTHY), CATALOG)
        daemon = Daemon(outbox, collection, CATALOG, Watches(), dispatch, listening)  # type: ignore[arg-type] # a reporter that ends as the table says
        daemon.step(clocks.since_boot_s(), Events())
    assert len(listening.told) == told


class TestEnrollingAnew:
    def test_never_takes_a_weaker_tier_that_nobody_asked_for(
        self, chip: SoftwareTpm, server: ReportServer, state: State, in_tpm: Device, say: Say
    ) -> None:
        chip.stop()
        server.codes["SECND"] = "ana@example.com"
        with pytest.raises(AgentError, match=r"weaker than hardware: nothing has changed.*--tier"):
            enroll(state, Request(server.url, None, "auto", True), lambda: "SECND", say, tries=1)
        assert state.device() == in_tpm
        assert not list(state.path.rglob("key.pem"))

    def test_in_a_weaker_tier_by_name_says_so_and_what_it_needs_to_know(
        self, chip: SoftwareTpm, server: ReportServer, state: State, in_tpm: Device
    ) -> None:
        chip.stop()
        server.codes["SECND"] = "ana@example.com"
        said: list[str] = []
        request = Request(server.url, None, "file", True)
        device = enroll(state, request, lambda: "SECND", said.append, tries=1)
        assert device.tier is KeyTier.FILE
        assert said[0] == "The key was kept in tier hardware before, which is stronger than file."
        assert f"--replaces {in_tpm.device}" in said[1]

    def test_in_the_same_tier_is_no_news(
        self, chip: SoftwareTpm, server: ReportServer, state: State, in_tpm: Device
    ) -> None:
        chip.clear()
        server.codes["SECND"] = "ana@example.com"
        said: list[str] = []
        request = Request(server.url, None, "auto", True)
        device = enroll(state, request, lambda: "SECND", said.append, tries=1)
        assert (device.tier, device.device == in_tpm.device) == (KeyTier.HARDWARE, False)
        assert not any("before" in each for each in said)
        assert report(state).kind is DeliveryKind.ACCEPTED
