"""Reports over the wire: what is taken in, what is refused, and that nothing accepted is lost."""

import base64
import dataclasses
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.canonical import canonical_bytes
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.reading import Reading, Status, unavailable
from passmuster_collectors.contract.verdict import Verdict
from passmuster_collectors.signals import CATALOG
from passmuster_collectors.signals.usb_devices.facts import Indicator, UsbDevicesFacts
from tests.server.conftest import NewDevice
from tests.support import example_readings
from tests.support.running_server import RunningServer, running_server
from tests.support.signing_device import JOSE, SigningDevice


def problem(response: httpx.Response) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/problem+json", response.text
    return response.status_code, response.json()["code"]


def rows(server: RunningServer, table: str, device: SigningDevice) -> int:
    statement = f"SELECT COUNT(*) FROM {table} WHERE device_id = ?"  # noqa: S608 - a test's own
    return int(server.rows(statement, device.device)[0][0])


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
    newest, *_ = server.rows(
        "SELECT upload FROM transitions JOIN evidence USING (evidence_id) "
        "WHERE transitions.device_id = ? ORDER BY transition_id DESC",
        device.device,
    )
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
    ((skew,),) = server.rows("SELECT clock_skew_s FROM contacts WHERE device_id = ?", device.device)
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


def other_signature(body: bytes) -> bytes:
    """Return the same report under the other signature that is as valid: (r, n - s) of ECDSA."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    signed, _, signature = body.rpartition(b".")
    raw = base64.urlsafe_b64decode(signature + b"==")
    turned = raw[:32] + (order - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
    return signed + b"." + base64.urlsafe_b64encode(turned).rstrip(b"=")


def test_an_older_report_under_a_turned_signature_is_a_replay_too(
    client: httpx.Client, device: SigningDevice, healthy: list[Reading]
) -> None:
    old = device.signed_upload(device.upload(device.record(healthy)))
    device.accept(device.send(client, old))
    device.report(client, healthy)
    assert problem(device.send(client, other_signature(old))) == (409, "replayed")
    assert device.report(client, healthy).verdict is Verdict.COMPLIANT


def test_a_report_from_before_it_enrolled_again_is_a_replay_too(
    server: RunningServer, client: httpx.Client, device: SigningDevice, healthy: list[Reading]
) -> None:
    old = device.signed_upload(device.upload(device.record(healthy)))
    device.accept(device.send(client, old))
    device.enroll(client, server.enroll_code())
    device.report(client, healthy)
    assert problem(device.send(client, old)) == (409, "replayed")
    assert device.report(client, healthy).verdict is Verdict.COMPLIANT


def test_in_conflict_even_the_last_report_is_not_answered_again(
    client: httpx.Client, device: SigningDevice, healthy: list[Reading]
) -> None:
    last = device.signed_upload(device.upload(device.record(healthy)))
    device.accept(device.send(client, last))
    forged = device.upload(device.record(healthy), nonce="never given out")
    assert problem(device.send(client, device.signed_upload(forged))) == (409, "identity_conflict")
    assert problem(device.send(client, last)) == (409, "identity_conflict")


def test_a_device_that_enrolled_again_is_unknown_until_it_reports_again(
    server: RunningServer, client: httpx.Client, device: SigningDevice, healthy: list[Reading]
) -> None:
    assert device.report(client, healthy).verdict is Verdict.COMPLIANT
    device.enroll(client, server.enroll_code())
    assert query(server, "SELECT verdict FROM verdicts WHERE device_id = ?", device) == "unknown"
    assert device.report(client, healthy).verdict is Verdict.COMPLIANT


def query(server: RunningServer, statement: str, device: SigningDevice) -> Any:
    return server.rows(statement, device.device)[0][0]


def test_a_full_spool_near_the_limit_is_taken_in_and_its_evidence_kept_once(
    server: RunningServer, client: httpx.Client, device: SigningDevice
) -> None:
    signal, now = CATALOG[0].id, datetime.now(UTC)
    records = [
        device.record([unavailable(signal, now, f"Attempt {number}: {'no answer ' * 40}", ())])
        for number in range(180)
    ]
    body = device.signed_upload(device.upload(*records))
    assert 192 * 1024 < len(body) < 256 * 1024, f"made {len(body)} bytes"
    device.accept(device.send(client, body))
    assert rows(server, "transitions", device) == 180 + len(CATALOG) - 1
    assert rows(server, "evidence", device) == 1


def test_records_that_were_never_sent_are_counted_and_not_held_against_it(
    server: RunningServer, client: httpx.Client, device: SigningDevice, healthy: list[Reading]
) -> None:
    device.report(client, healthy)
    for _ in range(3):
        device.record(healthy)
    assert device.report(client, healthy).verdict is Verdict.COMPLIANT
    first = device.record(healthy)
    device.record(healthy)
    upload = device.upload(first, device.record(healthy))
    device.accept(device.send(client, device.signed_upload(upload)))
    counted = query(server, "SELECT missing_records FROM contacts WHERE device_id = ?", device)
    assert counted == 4


def test_a_record_that_was_reported_before_is_refused_by_field(
    client: httpx.Client, device: SigningDevice, healthy: list[Reading]
) -> None:
    device.report(client, healthy)
    device.record_sequence, device.record_hash = 0, ""
    response = device.send(client, device.signed_upload(device.upload(device.record(healthy))))
    assert response.json()["field"] == "records[0].sequence"


def test_a_record_of_another_system_is_refused_by_field(
    client: httpx.Client, device: SigningDevice, healthy: list[Reading]
) -> None:
    device.platform = Platform.WINDOWS
    response = device.send(client, device.signed_upload(device.upload(device.record(healthy))))
    assert response.json()["field"] == "records[0].platform"


def test_a_record_of_another_device_is_refused_by_field(
    client: httpx.Client, device: SigningDevice, new_device: NewDevice, healthy: list[Reading]
) -> None:
    strange = new_device().record(healthy)
    response = device.send(client, device.signed_upload(device.upload(strange)))
    assert response.json()["field"] == "records[0].device"


def test_a_signal_that_is_reported_twice_is_refused_by_field(
    client: httpx.Client, device: SigningDevice, healthy: list[Reading]
) -> None:
    record = device.record([*healthy, healthy[0]])
    response = device.send(client, device.signed_upload(device.upload(record)))
    assert response.json()["field"] == f"records[0].readings[{len(healthy)}].signal"


def test_a_report_without_a_record_is_refused_by_field(
    client: httpx.Client, device: SigningDevice
) -> None:
    response = device.send(client, device.signed_upload(device.upload()))
    assert response.json()["field"] == "records"


def test_a_report_that_is_not_in_the_canonical_form_is_refused(
    client: httpx.Client, device: SigningDevice, healthy: list[Reading]
) -> None:
    value = codec.encode(device.upload(device.record(healthy)))
    response = device.send(client, device.signed(json.dumps(value).encode()).encode())
    assert problem(response) == (400, "malformed")
    assert response.json()["detail"] == "not in the canonical form"


@pytest.mark.parametrize("one_more_space", [b'"sources": [', b'"sources" :[', b'"sources":[ '])
def test_known_readings_in_another_form_are_refused_and_change_nothing(
    server: RunningServer,
    client: httpx.Client,
    device: SigningDevice,
    healthy: list[Reading],
    one_more_space: bytes,
) -> None:
    device.report(client, healthy)
    before = rows(server, "transitions", device)
    following = device.upload(device.record(healthy))
    payload = canonical_bytes(codec.encode(following))
    altered = payload.replace(b'"sources":[', one_more_space, 1)
    assert altered != payload
    response = device.send(client, device.signed(altered).encode())
    assert problem(response) == (400, "malformed")
    assert response.json()["detail"] == "not in the canonical form"
    assert rows(server, "transitions", device) == before
    answer = device.accept(device.send(client, device.signed(payload).encode()))
    assert answer.verdict is Verdict.COMPLIANT


def test_a_key_that_is_given_twice_is_refused(
    client: httpx.Client, device: SigningDevice, healthy: list[Reading]
) -> None:
    payload = canonical_bytes(codec.encode(device.upload(device.record(healthy))))
    doubled = payload.replace(b'{"audience"', b'{"audience":"x","audience"', 1)
    response = device.send(client, device.signed(doubled).encode())
    assert "twice" in response.json()["detail"]


def test_a_time_that_is_none_is_refused_also_where_nothing_else_has_changed(
    client: httpx.Client, device: SigningDevice, healthy: list[Reading]
) -> None:
    device.report(client, healthy)
    value = codec.encode(device.upload(device.record(healthy)))
    value["records"][0]["readings"][0]["collected_at"] = "yesterday"
    response = device.send(client, device.signed(canonical_bytes(value)).encode())
    assert response.json()["field"] == "records[0].readings[0].collected_at"


def test_facts_of_an_unknown_signal_are_held_to_the_depth_of_every_message(
    client: httpx.Client, device: SigningDevice, healthy: list[Reading]
) -> None:
    deep: dict[str, Any] = {}
    for _ in range(20):
        deep = {"deeper": deep}
    newer = Reading("from_the_future", Status.OK, "", deep, (), datetime.now(UTC))
    response = device.send(
        client, device.signed_upload(device.upload(device.record([*healthy, newer])))
    )
    assert problem(response) == (400, "malformed")
    assert "nested" in response.json()["detail"]


def test_on_loopback_the_server_may_be_called_by_another_of_its_names(
    server: RunningServer, client: httpx.Client, device: SigningDevice, healthy: list[Reading]
) -> None:
    upload = device.upload(
        device.record(healthy), url=f"http://localhost:{server.port}/api/v1/reports"
    )
    assert device.send(client, device.signed_upload(upload)).status_code == 200


def test_a_signal_that_stops_being_reported_is_kept_as_a_change(
    server: RunningServer, client: httpx.Client, device: SigningDevice, healthy: list[Reading]
) -> None:
    device.report(client, healthy)
    device.report(client, healthy[1:])
    assert rows(server, "transitions", device) == len(healthy) + 1
    assert rows(server, "evidence", device) == 2


def test_a_laptop_with_a_hundred_bad_devices_can_be_reported_answered_and_loaded_again(
    tmp_path: Path, healthy: list[Reading]
) -> None:
    evil = UsbDevicesFacts(
        tuple(
            dataclasses.replace(
                example_readings.STICK, name="x" * 128, keyboard=True, indicators=tuple(Indicator)
            )
            for _ in range(100)
        )
    )
    reported = example_readings.replaced(
        tuple(healthy), example_readings.reading(example_readings.USB, evil)
    )
    with running_server(tmp_path) as server:
        device = SigningDevice(server.url)
        with server.client() as client:
            device.enroll(client, server.enroll_code())
            assert device.report(client, reported).verdict is Verdict.NON_COMPLIANT
            server.stop()
            server.start()
            assert device.report(client, reported).verdict is Verdict.NON_COMPLIANT
