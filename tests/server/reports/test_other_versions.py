"""Agents and servers of different versions: neither breaks the other, and nothing stays lost."""

import contextlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from passmuster_collectors.contract import codec, strict_json
from passmuster_collectors.contract.reading import Reading, Source, SourceOutcome, Status
from passmuster_collectors.contract.verdict import (
    LIMITS_TYPE,
    Answer,
    Outcome,
    SignalVerdict,
    Verdict,
)
from passmuster_collectors.signals import CATALOG
from passmuster_server.policy import default_document, demands, document, judgement
from passmuster_server.policy.key_tier import KEY_TIER
from passmuster_server.reports import acceptance, upload
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
        for module in (default_document, demands, document, judgement):
            patch.setattr(module, "JUDGED", (*FIRST_SIGNALS, KEY_TIER))
        patch.setattr(acceptance, "CATALOG", FIRST_SIGNALS)
        patch.setattr(upload, "_SIGNALS", by_id)
        patch.setattr(acceptance, "_SIGNALS", frozenset(by_id))
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


STRICT = "[signals.screen_lock]\n[signals.screen_lock.limits]\nlock_within_s = 240\n"
KNOWS_LIMITS = {"Accept": f"{LIMITS_TYPE}, application/json"}


def told(answer: bytes) -> dict[str, Any]:
    return {each["signal"]: each for each in json.loads(answer)["signals"]}


def test_an_older_agent_is_not_told_of_limits_that_it_would_not_understand(tmp_path: Path) -> None:
    with clocked_server(tmp_path, policy=STRICT) as server, server.client() as client:
        device = SigningDevice(server.url)
        device.enroll(client, server.enroll_code())
        report = device.signed_upload(device.upload(device.record(healthy())))
        older, newer = device.send(client, report), device.send(client, report, KNOWS_LIMITS)
        assert older.headers["content-type"] == "application/json"
        assert not any("within_s" in each for each in told(older.content).values())
        assert newer.content == older.content, "asked for again it is the same answer"


def test_an_agent_that_says_so_is_told_what_policy_allows(tmp_path: Path) -> None:
    with clocked_server(tmp_path, policy=STRICT) as server, server.client() as client:
        device = SigningDevice(server.url)
        device.enroll(client, server.enroll_code())
        report = device.signed_upload(device.upload(device.record(healthy())))
        response = device.send(client, report, KNOWS_LIMITS)
        assert response.headers["content-type"] == LIMITS_TYPE
        signals = told(response.content)
        assert signals["screen_lock"]["within_s"] == 240
        assert signals["idle_logoff"]["within_s"] == 900, "the default of a signal not named"
        assert "within_s" not in signals["disk_encryption"]
        codec.decode(Answer, strict_json.parse(response.content))
        again = device.send(client, report, KNOWS_LIMITS)
        assert again.content == response.content
        older = device.send(client, report)
        assert not any("within_s" in each for each in told(older.content).values())


def test_an_older_servers_answer_says_nothing_of_limits_and_is_understood() -> None:
    older = {"signal": "usb_devices", "title": "", "outcome": "pass", "reasons": [], "remedies": []}
    assert codec.decode(SignalVerdict, older).within_s is None
