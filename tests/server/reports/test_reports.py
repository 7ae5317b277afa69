"""Reports over the wire: what is taken in, what is refused, and that nothing accepted is lost."""

import base64
import json
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.canonical import canonical_bytes
from passmuster_collectors.contract.reading import Reading
from passmuster_collectors.contract.verdict import Verdict
from tests.server.conftest import NewDevice
from tests.support.running_server import RunningServer
from tests.support.signing_device import JOSE, SigningDevice


def problem(response: httpx.Response) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/problem+json", response.text
    return response.status_code, response.json()["code"]


def rows(server: RunningServer, table: str, device: SigningDevice) -> int:
    with sqlite3.connect(server.directory / "passmuster.db") as connection:
        statement = f"SELECT COUNT(*) FROM {table} WHERE device_id = ?"  # noqa: S608 - a test's own
        return int(connection.execute(statement, (device.device,)).fetchone()[0])


def test_a_report_is_answered_with_the_verdict_and_the_next_nonce(
    client: httpx.Client, device: SigningDevice, healthy: list[Reading]
) -> None:
    before = device.nonce
    answer = device.report(client, healthy)
    assert answer.verdict is Verdict.COMPLIANT
    assert answer.nonce != before


def test_what_could_not_be_read_is_never_compliant(
    client: httpx.Client, device: SigningDevice, unreadable: list[Reading]
) -> None:
    assert device.report(client, unreadable).verdict is Verdict.NON_COMPLIANT


def test_a_signal_that_is_not_reported_is_never_compliant(
    client: httpx.Client, device: SigningDevice, healthy: list[Reading]
) -> None:
    assert device.report(client, healthy[1:]).verdict is Verdict.NON_COMPLIANT


def test_an_upload_sent_again_gets_the_very_same_answer(
    client: httpx.Client, device: SigningDevice, healthy: list[Reading]
) -> None:
    body = device.signed_upload(device.upload(device.record(healthy)))
    first, second = device.send(client, body), device.send(client, body)
    assert first.status_code == 200
    assert first.content == second.content


def test_an_unchanged_report_adds_no_reading_and_no_transition(
    server: RunningServer, client: httpx.Client, device: SigningDevice, healthy: list[Reading]
) -> None:
    device.report(client, healthy)
    before = rows(server, "transitions", device)
    for _ in range(3):
        device.report(client, healthy)
    assert rows(server, "transitions", device) == before == len(healthy)
    assert rows(server, "verdict_history", device) == 2, "expected: enrolled, then compliant"


def test_a_change_is_kept_with_the_signed_report_that_brought_it(
    server: RunningServer,
    client: httpx.Client,
    device: SigningDevice,
    healthy: list[Reading],
    unreadable: list[Reading],
) -> None:
    device.report(client, healthy)
    body = device.signed_upload(device.upload(device.record([unreadable[0], *healthy[1:]])))
    device.accept(device.send(client, body))
    with sqlite3.connect(server.directory / "passmuster.db") as connection:
        newest = connection.execute(
            "SELECT upload FROM transitions JOIN evidence USING (evidence_id) "
            "WHERE transitions.device_id = ? ORDER BY transition_id DESC",
            (device.device,),
        ).fetchone()
    assert newest[0] == body


def test_records_of_an_offline_laptop_are_history_and_the_newest_one_counts(
    server: RunningServer,
    client: httpx.Client,
    device: SigningDevice,
    healthy: list[Reading],
    unreadable: list[Reading],
) -> None:
    records = (device.record(unreadable), device.record(healthy))
    answer = device.accept(device.send(client, device.signed_upload(device.upload(*records))))
    assert answer.verdict is Verdict.COMPLIANT
    assert rows(server, "transitions", device) == 2 * len(healthy)


def test_an_unknown_device_is_refused(
    client: httpx.Client, device: SigningDevice, healthy: list[Reading]
) -> None:
    payload = canonical_bytes(codec.encode(device.upload(device.record(healthy))))
    body = device.signed(payload, header={"kid": "f" * 32}).encode()
    assert problem(device.send(client, body)) == (401, "unknown_device")


def test_a_signature_by_another_key_is_refused(
    server: RunningServer, client: httpx.Client, device: SigningDevice, healthy: list[Reading]
) -> None:
    other = SigningDevice(server.url, enrolled=device.enrolled)
    body = other.signed_upload(device.upload(device.record(healthy)))
    assert problem(device.send(client, body)) == (401, "bad_signature")


def test_a_report_that_was_altered_is_refused(
    client: httpx.Client, device: SigningDevice, healthy: list[Reading]
) -> None:
    header, payload, signature = device.signed_upload(device.upload(device.record(healthy))).split(
        b"."
    )
    altered = payload[:-2] + (b"AA" if payload[-2:] != b"AA" else b"BB")
    response = device.send(client, b".".join((header, altered, signature)))
    assert problem(response) == (401, "bad_signature")


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "HS256"},
        {"jwk": {"kty": "EC"}},
        {"jku": "https://attacker.example/keys"},
        {"x5u": "https://attacker.example/cert"},
        {"crit": ["exp"]},
        {"typ": "passmuster-enrolment+jws"},
    ],
    ids=lambda header: next(iter(header)) + "=" + str(next(iter(header.values())))[:12],
)
def test_a_header_that_would_choose_its_own_rules_is_refused(
    client: httpx.Client, device: SigningDevice, healthy: list[Reading], header: dict[str, Any]
) -> None:
    _, payload, signature = device.signed_upload(device.upload(device.record(healthy))).split(b".")
    full = {"alg": "ES256", "typ": "passmuster-report+jws", "kid": device.device, **header}
    encoded = base64.urlsafe_b64encode(json.dumps(full).encode()).rstrip(b"=")
    response = device.send(client, b".".join((encoded, payload, signature)))
    assert problem(response) == (400, "malformed")
    assert response.json()["field"].startswith("header")


def test_an_older_report_sent_again_is_refused_and_changes_nothing(
    client: httpx.Client, device: SigningDevice, healthy: list[Reading]
) -> None:
    old = device.signed_upload(device.upload(device.record(healthy)))
    device.accept(device.send(client, old))
    device.report(client, healthy)
    assert problem(device.send(client, old)) == (409, "replayed")
    assert device.report(client, healthy).verdict is Verdict.COMPLIANT


def test_reports_out_of_order_are_refused_and_shut_the_device_out(
    client: httpx.Client, device: SigningDevice, healthy: list[Reading]
) -> None:
    device.report(client, healthy)
    skipped = device.upload(device.record(healthy), sequence=device.sequence + 2)
    refused = device.send(client, device.signed_upload(skipped))
    assert problem(refused) == (409, "identity_conflict")
    following = device.signed_upload(device.upload(device.record(healthy)))
    assert problem(device.send(client, following)) == (409, "identity_conflict")


def test_two_agents_with_one_key_are_noticed_and_enrolling_again_mends_it(
    server: RunningServer, client: httpx.Client, device: SigningDevice, healthy: list[Reading]
) -> None:
    device.report(client, healthy)
    copy = SigningDevice(
        server.url,
        key=device.key,
        enrolled=device.enrolled,
        sequence=device.sequence,
        nonce=device.nonce,
        record_sequence=device.record_sequence,
        record_hash=device.record_hash,
    )
    device.report(client, healthy)
    other = copy.send(client, copy.signed_upload(copy.upload(copy.record(healthy))))
    assert problem(other) == (409, "identity_conflict")
    mine = device.send(client, device.signed_upload(device.upload(device.record(healthy))))
    assert problem(mine) == (409, "identity_conflict"), "neither copy may be believed"
    device.enroll(client, server.enroll_code())
    assert device.report(client, healthy).verdict is Verdict.COMPLIANT


def test_a_clock_that_is_off_by_a_day_is_noted_and_does_not_matter(
    server: RunningServer, client: httpx.Client, device: SigningDevice, healthy: list[Reading]
) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    upload = device.upload(device.record(healthy), sent_at=tomorrow)
    answer = device.accept(device.send(client, device.signed_upload(upload)))
    assert answer.verdict is Verdict.COMPLIANT
    assert abs(answer.judged_at - datetime.now(UTC)) < timedelta(minutes=1)
    with sqlite3.connect(server.directory / "passmuster.db") as connection:
        (skew,) = connection.execute(
            "SELECT clock_skew_s FROM contacts WHERE device_id = ?", (device.device,)
        ).fetchone()
    assert skew == pytest.approx(86_400, abs=60)


@pytest.mark.parametrize("field", ["audience", "method", "url"])
def test_a_report_for_somebody_else_is_refused_by_field(
    client: httpx.Client, device: SigningDevice, healthy: list[Reading], field: str
) -> None:
    upload = device.upload(device.record(healthy), **{field: "other"})
    response = device.send(client, device.signed_upload(upload))
    assert problem(response) == (400, "malformed")
    assert response.json()["field"] == field


def test_a_refused_report_does_not_move_the_chain(
    client: httpx.Client, device: SigningDevice, healthy: list[Reading]
) -> None:
    record = device.record(healthy)
    device.send(client, device.signed_upload(device.upload(record, audience="other")))
    answer = device.accept(device.send(client, device.signed_upload(device.upload(record))))
    assert answer.verdict is Verdict.COMPLIANT


def test_an_oversized_report_is_refused_before_it_is_read(
    client: httpx.Client, device: SigningDevice
) -> None:
    assert problem(device.send(client, b"x" * (256 * 1024 + 1))) == (413, "too_large")


def test_an_oversized_report_without_a_length_is_refused_too(client: httpx.Client) -> None:
    pieces = (b"x" * 65_536 for _ in range(8))
    response = client.post("/api/v1/reports", content=pieces, headers=JOSE)
    assert problem(response) == (413, "too_large")


def test_a_deeply_nested_report_is_refused(client: httpx.Client, device: SigningDevice) -> None:
    response = device.send(client, device.signed(b"[" * 50_000 + b"]" * 50_000).encode())
    assert problem(response) == (400, "malformed")
    assert "nested" in response.json()["detail"]


def test_a_truncated_report_is_refused(
    client: httpx.Client, device: SigningDevice, healthy: list[Reading]
) -> None:
    payload = canonical_bytes(codec.encode(device.upload(device.record(healthy))))
    response = device.send(client, device.signed(payload[: len(payload) // 2]).encode())
    assert problem(response) == (400, "malformed")
    half = device.signed_upload(device.upload(device.record(healthy)))
    assert device.send(client, half[: len(half) // 2]).status_code in (400, 401)


@pytest.mark.parametrize(
    "body", [b"", b"..", b"a.b.c", b"\xff.\xfe.\xfd", b"{}", b"a" * 2000 + b"..x"]
)
def test_what_is_not_a_jws_is_refused(
    client: httpx.Client, device: SigningDevice, body: bytes
) -> None:
    assert problem(device.send(client, body)) == (400, "malformed")


def test_facts_of_the_wrong_shape_are_refused_by_field(
    client: httpx.Client, device: SigningDevice, healthy: list[Reading]
) -> None:
    value = codec.encode(device.upload(device.record(healthy)))
    reading = value["records"][0]["readings"][0]
    reading["status"], reading["facts"] = "ok", {"nonsense": 1}
    response = device.send(client, device.signed(canonical_bytes(value)).encode())
    assert problem(response) == (400, "malformed")
    assert response.json()["field"] == "records[0].readings[0].facts.nonsense"


def test_another_version_of_the_contract_is_refused_by_field(
    client: httpx.Client, device: SigningDevice, healthy: list[Reading]
) -> None:
    upload = device.upload(device.record(healthy), version=2)
    response = device.send(client, device.signed_upload(upload))
    assert response.json()["field"] == "version"


def test_a_signal_that_the_server_does_not_know_is_left_out_and_not_refused(
    client: httpx.Client, device: SigningDevice, healthy: list[Reading]
) -> None:
    newer = Reading("from_the_future", healthy[0].status, "New.", None, (), datetime.now(UTC))
    assert device.report(client, [*healthy, newer]).verdict is Verdict.COMPLIANT


def test_records_whose_chain_is_broken_are_refused_by_field(
    client: httpx.Client, device: SigningDevice, healthy: list[Reading]
) -> None:
    first = device.record(healthy)
    device.record_hash = "0" * 64
    response = device.send(
        client, device.signed_upload(device.upload(first, device.record(healthy)))
    )
    assert response.json()["field"] == "records[1].previous"


def test_another_content_type_is_refused(client: httpx.Client) -> None:
    assert problem(client.post("/api/v1/reports", json={})) == (415, "wrong_content_type")


def test_a_revoked_device_is_refused_and_stays_so(
    server: RunningServer, client: httpx.Client, new_device: NewDevice, healthy: list[Reading]
) -> None:
    device = new_device()
    device.report(client, healthy)
    server.command("revoke", device.device)
    body = device.signed_upload(device.upload(device.record(healthy)))
    assert problem(device.send(client, body)) == (401, "revoked")
    with pytest.raises(httpx.HTTPStatusError):
        device.enroll(client, server.enroll_code())


def test_the_log_holds_no_personal_data_and_no_secret(
    server: RunningServer, client: httpx.Client, device: SigningDevice, healthy: list[Reading]
) -> None:
    token = server.gate_token("log-reader")
    device.report(client, healthy)
    log = server.log.read_text()
    for secret in ("ana@example.com", device.nonce, token, device.computer_name):
        assert secret not in log
