"""Agents and servers of different versions: neither breaks the other, and nothing stays lost."""

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from passmuster_collectors.contract.reading import Reading, Source, SourceOutcome, Status
from passmuster_collectors.contract.verdict import Outcome, Verdict
from passmuster_collectors.signals import CATALOG
from passmuster_server.policy import document, judgement
from passmuster_server.reports import service, upload
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_readings import healthy
from tests.support.signing_device import SigningDevice

FIRST_SIGNALS = CATALOG[:5]
LATER_SIGNALS = {signal.id for signal in CATALOG[5:]}
ONLY_THE_FIRST = "".join(f"[signals.{signal.id}]\n" for signal in FIRST_SIGNALS)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ClockedServer]:
    with clocked_server(tmp_path) as running:
        yield running


@pytest.fixture
def client(server: ClockedServer) -> Iterator[httpx.Client]:
    with server.client() as opened:
        yield opened


@contextlib.contextmanager
def older_rooms() -> Iterator[None]:
    """Take the later rooms out of the server: what it was before an update."""
    with pytest.MonkeyPatch.context() as patch:
        by_id = {signal.id: signal for signal in FIRST_SIGNALS}
        for module in (document, judgement, service):
            patch.setattr(module, "CATALOG", FIRST_SIGNALS)
        patch.setattr(upload, "_SIGNALS", by_id)
        patch.setattr(service, "_SIGNALS", frozenset(by_id))
        yield


def stored(server: ClockedServer, device: SigningDevice) -> set[str]:
    rows = server.rows("SELECT signal FROM readings WHERE device_id = ?", device.device)
    return {signal for (signal,) in rows}


def test_what_an_older_server_did_not_know_is_kept_after_its_update_though_nothing_changed(
    tmp_path: Path,
) -> None:
    with contextlib.ExitStack() as running:
        with older_rooms():
            server = running.enter_context(clocked_server(tmp_path, policy=ONLY_THE_FIRST))
            client = running.enter_context(server.client())
            device = SigningDevice(server.url)
            device.enroll(client, server.enroll_code())
            answer = device.report(client, healthy())
            server.stop()
        assert {each.signal for each in answer.signals} == {each.id for each in FIRST_SIGNALS}
        assert not stored(server, device) & LATER_SIGNALS
        server.start()
        answer = device.report(client, healthy())
        assert answer.verdict is Verdict.COMPLIANT
        assert {each.outcome for each in answer.signals} == {Outcome.PASS}
        assert stored(server, device) >= LATER_SIGNALS


def test_an_older_agent_is_let_in_and_told_what_it_does_not_report(
    server: ClockedServer, client: httpx.Client
) -> None:
    device = SigningDevice(server.url)
    device.enroll(client, server.enroll_code())
    answer = device.report(client, healthy()[:5])
    assert answer.verdict is Verdict.COMPLIANT
    unknown = {each.signal for each in answer.signals if each.outcome is Outcome.UNKNOWN}
    assert unknown == LATER_SIGNALS


def test_a_signal_that_only_a_newer_agent_has_does_no_harm(
    server: ClockedServer, client: httpx.Client
) -> None:
    device = SigningDevice(server.url)
    device.enroll(client, server.enroll_code())
    read = (Source("/sys/future", SourceOutcome.READ),)
    future = Reading("from_the_future", Status.OK, "", {"new": [1]}, read, datetime.now(UTC))
    answer = device.report(client, [*healthy(), future])
    assert answer.verdict is Verdict.COMPLIANT
    assert "from_the_future" not in {each.signal for each in answer.signals}
    assert "from_the_future" not in stored(server, device)
