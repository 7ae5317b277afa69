"""A key gives way to a new one: both have signed it, it counts once, and it is told to IT."""

import dataclasses
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.canonical import canonical_bytes
from passmuster_collectors.contract.enrolment import KeyTier
from passmuster_collectors.contract.reading import Reading
from tests.server.conftest import NewDevice, quick_code
from tests.support.running_server import RunningServer, running_server
from tests.support.signing_device import JOSE, JSON, SigningDevice, post


def new_key() -> ECKey:
    return ECKey.generate_key("P-256")


def sent(client: httpx.Client, body: bytes) -> httpx.Response:
    return client.post("/api/v1/keys", content=body, headers=JOSE)


def problem(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def wrong_field(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["field"]


def history(server: RunningServer, device: SigningDevice) -> list[tuple[Any, ...]]:
    statement = (
        "SELECT kind, tier_before, tier_after FROM key_changes WHERE device_id = ? "
        "ORDER BY change_id"
    )
    return server.rows(statement, device.device)


class TestARotation:
    def test_makes_the_new_key_the_devices_and_the_reports_go_on(
        self, client: httpx.Client, device: SigningDevice, healthy: list[Reading]
    ) -> None:
        first = device.report(client, healthy)
        device.rotate(client, new_key())
        assert device.report(client, healthy).verdict is first.verdict
        assert device.sequence == 3, "expected: report, rotation and report are one chain"

    def test_leaves_the_old_key_without_any_power(
        self,
        server: RunningServer,
        client: httpx.Client,
        device: SigningDevice,
        healthy: list[Reading],
    ) -> None:
        device.report(client, healthy)
        old = device.key
        device.rotate(client, new_key())
        newest, device.key = device.key, old
        upload = device.signed_upload(device.upload(device.record(healthy)))
        assert problem(device.send(client, upload)) == (401, "bad_signature")
        rotation = device.signed_rotation(device.rotation(new_key()))
        assert problem(sent(client, rotation)) == (401, "bad_signature")
        status = server.rows("SELECT status FROM devices WHERE device_id = ?", device.device)
        assert status == [("active",)], "expected: a key that was given up can do no harm"
        device.key, device.record_sequence = newest, 1

    def test_whose_answer_was_lost_gets_it_again(
        self,
        server: RunningServer,
        client: httpx.Client,
        device: SigningDevice,
        healthy: list[Reading],
    ) -> None:
        new = new_key()
        body = device.signed_rotation(device.rotation(new))
        answers = [sent(client, body) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 200]
        assert len({answer.content for answer in answers}) == 1
        assert len(history(server, device)) == 1
        device.key, device.sequence, device.nonce = new, 1, answers[0].json()["nonce"]
        device.report(client, healthy)
        assert problem(sent(client, body)) == (409, "replayed")
        device.report(client, healthy)

    def test_may_follow_another_one(
        self, server: RunningServer, client: httpx.Client, device: SigningDevice
    ) -> None:
        device.rotate(client, new_key(), KeyTier.HARDWARE)
        device.rotate(client, new_key(), KeyTier.FILE)
        assert history(server, device) == [
            ("rotated", "file", "hardware"),
            ("rotated", "hardware", "file"),
        ]

    def test_is_kept_verbatim_as_evidence(
        self, server: RunningServer, client: httpx.Client, device: SigningDevice
    ) -> None:
        body = device.signed_rotation(device.rotation(new_key()))
        sent(client, body).raise_for_status()
        statement = "SELECT message FROM key_changes WHERE device_id = ?"
        assert server.rows(statement, device.device) == [(body,)]

    def test_survives_a_restart_of_the_server(self, tmp_path: Path, healthy: list[Reading]) -> None:
        with running_server(tmp_path) as server:
            device = SigningDevice(server.url)
            with server.client() as client:
                device.enroll(client, quick_code(server))
                device.rotate(client, new_key())
            server.kill()
            server.start()
            with server.client() as client:
                device.report(client, healthy)


class TestWhatIsRefused:
    def test_the_signature_of_another_key(
        self, client: httpx.Client, device: SigningDevice
    ) -> None:
        rotation = device.rotation(new_key())
        device.key = new_key()
        assert problem(sent(client, device.signed_rotation(rotation))) == (401, "bad_signature")

    def test_a_device_that_is_none(self, client: httpx.Client, device: SigningDevice) -> None:
        payload = device.signed_rotation(device.rotation(new_key()))
        signed = device.signed(
            payload, kind="passmuster-rotation+jws", header={"kid": "nobody"}
        ).encode()
        assert problem(sent(client, signed)) == (401, "unknown_device")

    @pytest.mark.parametrize("command", ["revoke", "retire"])
    def test_a_device_out_of_service(
        self, server: RunningServer, client: httpx.Client, device: SigningDevice, command: str
    ) -> None:
        server.command(command, device.device)
        body = device.signed_rotation(device.rotation(new_key()))
        assert problem(sent(client, body)) == (401, "revoked")
        assert history(server, device) == []

    def test_a_proof_by_another_than_the_new_key(
        self, client: httpx.Client, device: SigningDevice
    ) -> None:
        body = device.signed_rotation(device.rotation(new_key(), proof_key=new_key()))
        assert wrong_field(sent(client, body)) == (400, "proof")

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("device", "another"),
            ("server", "another"),
            ("thumbprint", "another"),
            ("replaces", "another"),
            ("tier", KeyTier.FILE),
            ("nonce", "another"),
        ],
    )
    def test_a_proof_over_something_else(
        self, client: httpx.Client, device: SigningDevice, field: str, value: object
    ) -> None:
        body = device.signed_rotation(device.rotation(new_key(), proven={field: value}))
        assert wrong_field(sent(client, body)) == (400, f"proof.{field}")

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("audience", "another-server"),
            ("method", "PUT"),
            ("url", "https://elsewhere.example.com/api/v1/keys"),
            ("tier", KeyTier.ATTESTED),
        ],
    )
    def test_one_that_is_for_another_place(
        self, client: httpx.Client, device: SigningDevice, field: str, value: object
    ) -> None:
        body = device.signed_rotation(device.rotation(new_key(), **{field: value}))
        assert wrong_field(sent(client, body)) == (400, field)

    def test_the_key_that_it_has(self, client: httpx.Client, device: SigningDevice) -> None:
        body = device.signed_rotation(device.rotation(device.key))
        assert wrong_field(sent(client, body)) == (400, "public_key")

    def test_a_key_that_it_has_had(self, client: httpx.Client, device: SigningDevice) -> None:
        first = device.key
        device.rotate(client, new_key())
        body = device.signed_rotation(device.rotation(first))
        assert wrong_field(sent(client, body)) == (400, "public_key")

    def test_the_key_of_another_device(
        self, client: httpx.Client, device: SigningDevice, new_device: NewDevice
    ) -> None:
        body = device.signed_rotation(device.rotation(new_device().key))
        assert wrong_field(sent(client, body)) == (400, "public_key")

    def test_a_report_in_its_place_and_the_other_way_round(
        self, client: httpx.Client, device: SigningDevice, healthy: list[Reading]
    ) -> None:
        upload = device.signed_upload(device.upload(device.record(healthy)))
        assert wrong_field(sent(client, upload)) == (400, "header.typ")
        rotation = device.signed_rotation(device.rotation(new_key()))
        assert wrong_field(device.send(client, rotation)) == (400, "header.typ")

    @pytest.mark.parametrize("change", [{"surprise": "hunter2"}, {"sequence": 0}, {"proof": 7}])
    def test_one_that_breaks_the_contract(
        self, client: httpx.Client, device: SigningDevice, change: dict[str, object]
    ) -> None:
        message = codec.encode(device.rotation(new_key())) | change
        body = device.signed(canonical_bytes(message), kind="passmuster-rotation+jws").encode()
        response = sent(client, body)
        assert wrong_field(response) == (400, next(iter(change)))
        assert "hunter2" not in response.text

    def test_what_is_too_large_or_not_a_jws(self, client: httpx.Client) -> None:
        assert problem(sent(client, b"x" * 20_000)) == (413, "too_large")
        assert sent(client, b"nothing").status_code == 400
        assert client.post("/api/v1/keys", content=b"{}", headers=JSON).status_code == 415

    def test_more_of_them_than_anybody_needs(self, tmp_path: Path) -> None:
        with running_server(tmp_path) as server, server.client() as client:
            device = SigningDevice(server.url)
            device.enroll(client, quick_code(server))
            for _ in range(20):
                device.rotate(client, new_key())
            response = sent(client, device.signed_rotation(device.rotation(new_key())))
            assert problem(response) == (429, "too_many_rotations")
            assert int(response.headers["Retry-After"]) > 0

    def test_a_refused_one_changes_nothing(
        self, client: httpx.Client, device: SigningDevice, healthy: list[Reading]
    ) -> None:
        sent(client, device.signed_rotation(device.rotation(new_key(), proof_key=new_key())))
        device.report(client, healthy)


def test_a_second_copy_of_the_key_is_noticed_when_it_rotates(
    server: RunningServer, client: httpx.Client, device: SigningDevice, healthy: list[Reading]
) -> None:
    body = device.signed_rotation(device.rotation(new_key(), nonce="not the one"))
    assert problem(sent(client, body)) == (409, "identity_conflict")
    status = server.rows("SELECT status FROM devices WHERE device_id = ?", device.device)
    assert status == [("conflict",)]
    upload = device.signed_upload(device.upload(device.record(healthy)))
    assert problem(device.send(client, upload)) == (409, "identity_conflict")


def test_a_code_that_replaces_a_device_notes_the_tier_that_was_lost(
    server: RunningServer, client: httpx.Client
) -> None:
    old = SigningDevice(server.url)
    old.enroll(client, server.enroll_code("finn@example.com"))
    old.rotate(client, new_key(), KeyTier.HARDWARE)
    code = server.enroll_code("finn@example.com", "--replaces", old.device)
    device = SigningDevice(server.url)
    device.enroll(client, code)
    assert history(server, device) == [("replaced", "hardware", "file")]


def test_a_key_that_is_enrolled_again_in_another_place_is_noted(
    server: RunningServer, client: httpx.Client
) -> None:
    device = SigningDevice(server.url)
    device.enroll(client, server.enroll_code("gwen@example.com"))
    device.rotate(client, new_key(), KeyTier.HARDWARE)
    device.enroll(client, server.enroll_code("gwen@example.com"))
    assert history(server, device)[-1] == ("enrolled_again", "hardware", "file")


def test_nobody_may_claim_an_attestation(client: httpx.Client, server: RunningServer) -> None:
    start = dataclasses.replace(SigningDevice(server.url).start_message(), tier=KeyTier.ATTESTED)
    assert wrong_field(post(client, "/api/v1/enrolment", start)) == (400, "tier")
