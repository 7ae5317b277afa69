"""Enrolment over the wire: who gets in with a code, and what everybody else is told."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from passmuster_collectors.contract import codec, strict_json
from passmuster_collectors.contract.canonical import canonical_bytes, digest
from passmuster_collectors.contract.enrolment import (
    PROOF_TYPE,
    Enrolled,
    EnrolmentChallenge,
    EnrolmentProof,
)
from passmuster_server.devices import codes
from tests.support.example_readings import healthy
from tests.support.running_server import RunningServer, running_server
from tests.support.signing_device import JSON, SigningDevice, post


def begun(device: SigningDevice, client: httpx.Client) -> EnrolmentChallenge:
    response = post(client, "/api/v1/enrolment", device.start_message())
    return codec.decode(EnrolmentChallenge, strict_json.parse(response.content))


def refused(client: httpx.Client, device: SigningDevice, code: str) -> httpx.Response:
    return post(
        client, "/api/v1/enrolment/finish", device.finish_message(begun(device, client), code)
    )


def sql(server: RunningServer, statement: str, *values: object) -> list[tuple[object, ...]]:
    return server.rows(statement, *values)


def test_a_code_enrols_one_laptop_for_the_person_it_was_made_for(
    server: RunningServer, client: httpx.Client
) -> None:
    enrolled = SigningDevice(server.url).enroll(client, server.enroll_code("ben@example.com"))
    assert enrolled.owner == "ben@example.com"
    assert enrolled.nonce


def test_a_code_may_be_typed_as_people_read_it(server: RunningServer, client: httpx.Client) -> None:
    code = server.enroll_code().lower().replace("-", " ").replace("0", "o").replace("1", "l")
    device = SigningDevice(server.url)
    challenge = begun(device, client)
    normal = code.upper().replace(" ", "").replace("O", "0").replace("L", "1")
    proof = EnrolmentProof(
        challenge.challenge,
        device.public_key.thumbprint(),
        digest(normal.encode()),
        challenge.server,
    )
    signed = device.signed(canonical_bytes(codec.encode(proof)), kind=PROOF_TYPE)
    finish = dataclasses.replace(device.finish_message(challenge, code), proof=signed)
    assert post(client, "/api/v1/enrolment/finish", finish).status_code == 200


def test_a_wrong_code_is_refused_and_named(server: RunningServer, client: httpx.Client) -> None:
    response = refused(client, SigningDevice(server.url), "0000-0000-0000")
    assert (response.status_code, response.json()["code"]) == (403, "code_wrong")


def test_a_used_code_is_refused_and_named(server: RunningServer, client: httpx.Client) -> None:
    code = server.enroll_code()
    SigningDevice(server.url).enroll(client, code)
    response = refused(client, SigningDevice(server.url), code)
    assert (response.status_code, response.json()["code"]) == (403, "code_used")


def test_a_laptop_whose_answer_was_lost_gets_the_same_one_again(
    server: RunningServer, client: httpx.Client
) -> None:
    device, code = SigningDevice(server.url), server.enroll_code("lost@example.com")
    challenge = begun(device, client)
    finish = device.finish_message(challenge, code)
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(lambda _: post(client, "/api/v1/enrolment/finish", finish), range(4))
        )
    # It signs anew each time, and no two signatures are the same.
    answers.append(post(client, "/api/v1/enrolment/finish", device.finish_message(challenge, code)))
    assert [answer.status_code for answer in answers] == [200] * 5
    assert len({answer.content for answer in answers}) == 1
    assert sql(server, "SELECT count(*) FROM devices WHERE owner = 'lost@example.com'") == [(1,)]


def test_a_lost_answer_is_for_the_same_key_code_and_time_alone(
    server: RunningServer, client: httpx.Client
) -> None:
    device, other, code = SigningDevice(server.url), SigningDevice(server.url), server.enroll_code()
    challenge = begun(device, client)
    finish = device.finish_message(challenge, code)
    assert post(client, "/api/v1/enrolment/finish", finish).status_code == 200
    for stranger, status in (
        (other.finish_message(challenge, code), 401),
        (device.finish_message(challenge, server.enroll_code()), 400),
    ):
        assert post(client, "/api/v1/enrolment/finish", stranger).status_code == status
    server.change(
        "UPDATE enrolment_challenges SET expires_at = 1 WHERE enrolment_id = ?",
        challenge.enrolment,
    )
    late = post(client, "/api/v1/enrolment/finish", finish)
    assert (late.status_code, late.json()["field"]) == (400, "enrolment")


@pytest.mark.parametrize(
    ("command", "told"),
    [("revoke", (401, "revoked")), ("erase-person", (400, "malformed"))],
)
def test_a_lost_answer_is_not_told_of_a_laptop_that_is_none_any_more(
    server: RunningServer, client: httpx.Client, command: str, told: tuple[int, str]
) -> None:
    owner, device = f"{command}@example.com", SigningDevice(server.url)
    finish = device.finish_message(begun(device, client), server.enroll_code(owner))
    enrolled = post(client, "/api/v1/enrolment/finish", finish).json()
    if command == "revoke":
        server.command(command, enrolled["device"])
    else:
        server.command(command, owner, "--yes")
        assert owner.encode() not in server.stored()
    answer = post(client, "/api/v1/enrolment/finish", finish)
    assert (answer.status_code, answer.json()["code"]) == told


def test_a_laptop_that_reports_has_its_answer_and_gets_no_other(
    server: RunningServer, client: httpx.Client
) -> None:
    device = SigningDevice(server.url)
    finish = device.finish_message(begun(device, client), server.enroll_code())
    first = post(client, "/api/v1/enrolment/finish", finish)
    device.enrolled = codec.decode(Enrolled, strict_json.parse(first.content))
    device.nonce = device.enrolled.nonce
    device.report(client, healthy())
    again = post(client, "/api/v1/enrolment/finish", finish)
    assert (again.status_code, again.json()["field"]) == (400, "enrolment")
    device.report(client, healthy())


def test_an_expired_code_is_refused_and_named(server: RunningServer, client: httpx.Client) -> None:
    code = server.enroll_code("late@example.com")
    server.change("UPDATE enrolment_codes SET expires_at = 1 WHERE owner = 'late@example.com'")
    response = refused(client, SigningDevice(server.url), code)
    assert (response.status_code, response.json()["code"]) == (403, "code_expired")


def test_of_two_laptops_that_use_one_code_at_once_one_gets_in(
    server: RunningServer, client: httpx.Client
) -> None:
    code = server.enroll_code()
    laptops = [SigningDevice(server.url) for _ in range(4)]
    finishes = [laptop.finish_message(begun(laptop, client), code) for laptop in laptops]
    with ThreadPoolExecutor(4) as pool:
        responses = list(
            pool.map(lambda finish: post(client, "/api/v1/enrolment/finish", finish), finishes)
        )
    assert sorted(response.status_code for response in responses) == [200, 403, 403, 403]


def test_a_challenge_takes_five_wrong_codes_and_no_more(
    server: RunningServer, client: httpx.Client
) -> None:
    device = SigningDevice(server.url)
    challenge = begun(device, client)
    codes = [f"0000-0000-000{number}" for number in range(5)]
    answers = [
        post(client, "/api/v1/enrolment/finish", device.finish_message(challenge, code))
        for code in [*codes, server.enroll_code()]
    ]
    assert [answer.json()["code"] for answer in answers] == [*["code_wrong"] * 5, "too_many_tries"]


def test_a_proof_by_another_key_is_refused(server: RunningServer, client: httpx.Client) -> None:
    device, other = SigningDevice(server.url), SigningDevice(server.url)
    challenge, code = begun(device, client), server.enroll_code()
    stolen = dataclasses.replace(
        device.finish_message(challenge, code), proof=other.finish_message(challenge, code).proof
    )
    response = post(client, "/api/v1/enrolment/finish", stolen)
    assert (response.status_code, response.json()["code"]) == (401, "bad_signature")


@pytest.mark.parametrize("field", ["challenge", "thumbprint", "credential", "server"])
def test_a_proof_over_something_else_is_refused_by_field(
    server: RunningServer, client: httpx.Client, field: str
) -> None:
    device = SigningDevice(server.url)
    challenge, code = begun(device, client), server.enroll_code()
    right = EnrolmentProof(
        challenge.challenge,
        device.public_key.thumbprint(),
        digest(code.replace("-", "").encode()),
        challenge.server,
    )
    wrong = dataclasses.replace(right, **{field: "something else"})
    signed = device.signed(canonical_bytes(codec.encode(wrong)), kind=PROOF_TYPE)
    finish = dataclasses.replace(device.finish_message(challenge, code), proof=signed)
    response = post(client, "/api/v1/enrolment/finish", finish)
    assert (response.status_code, response.json()["field"]) == (400, f"proof.{field}")


def test_a_point_that_is_not_on_the_curve_is_refused(
    server: RunningServer, client: httpx.Client
) -> None:
    message = codec.encode(SigningDevice(server.url).start_message())
    message["public_key"]["y"] = message["public_key"]["x"]
    response = client.post("/api/v1/enrolment", content=canonical_bytes(message), headers=JSON)
    assert (response.status_code, response.json()["field"]) == (400, "public_key")


def test_an_unknown_field_is_named_and_its_content_is_not_repeated(
    server: RunningServer, client: httpx.Client
) -> None:
    message = codec.encode(SigningDevice(server.url).start_message())
    response = client.post(
        "/api/v1/enrolment",
        content=canonical_bytes({**message, "surprise": "hunter2"}),
        headers=JSON,
    )
    assert (response.status_code, response.json()["field"]) == (400, "surprise")
    assert "hunter2" not in response.text


def test_the_same_key_with_a_new_code_is_the_same_device_again(
    server: RunningServer, client: httpx.Client
) -> None:
    device = SigningDevice(server.url)
    first = device.enroll(client, server.enroll_code())
    assert device.enroll(client, server.enroll_code()).device == first.device


def test_a_code_that_replaces_a_device_retires_it(
    server: RunningServer, client: httpx.Client
) -> None:
    old = SigningDevice(server.url)
    old.enroll(client, server.enroll_code("cleo@example.com"))
    code = server.enroll_code("cleo@example.com", "--replaces", old.device)
    SigningDevice(server.url).enroll(client, code)
    assert sql(server, "SELECT status FROM devices WHERE device_id = ?", old.device) == [
        ("retired",)
    ]


def test_the_code_itself_is_nowhere_in_the_database(server: RunningServer) -> None:
    code = server.enroll_code()
    kept = server.stored()
    assert code.encode() not in kept
    assert code.replace("-", "").encode() not in kept


def test_one_address_that_guesses_too_often_is_told_when_to_come_back(tmp_path: Path) -> None:
    with running_server(tmp_path) as server, server.client() as client:
        for _ in range(20):
            assert refused(client, SigningDevice(server.url), "0000-0000-0000").status_code == 403
        response = refused(client, SigningDevice(server.url), "0000-0000-0000")
        assert (response.status_code, response.json()["code"]) == (429, "too_many_tries")
        assert int(response.headers["Retry-After"]) > 0


def test_a_laptop_that_enrols_again_with_its_key_stays_its_owners(
    server: RunningServer, client: httpx.Client
) -> None:
    device = SigningDevice(server.url)
    device.enroll(client, server.enroll_code("dora@example.com"))
    code = server.enroll_code("eve@example.com")
    response = refused(client, device, code)
    assert (response.status_code, response.json()["code"]) == (409, "identity_conflict")
    other = SigningDevice(server.url).enroll(client, code)
    assert other.owner == "eve@example.com", "expected: the code is still good"


@pytest.mark.parametrize("command", ["revoke", "retire"])
def test_a_key_that_was_taken_out_of_service_stays_out(
    server: RunningServer, client: httpx.Client, command: str
) -> None:
    device = SigningDevice(server.url)
    device.enroll(client, server.enroll_code())
    server.command(command, device.device)
    response = refused(client, device, server.enroll_code())
    assert (response.status_code, response.json()["code"]) == (401, "revoked")


def test_a_revoked_device_can_not_be_made_a_retired_one(
    server: RunningServer, client: httpx.Client
) -> None:
    device = SigningDevice(server.url)
    device.enroll(client, server.enroll_code())
    server.command("revoke", device.device)
    server.command("retire", device.device)
    statement = "SELECT status FROM devices WHERE device_id = ?"
    assert sql(server, statement, device.device) == [("revoked",)]


@pytest.mark.parametrize("field", ["computer_name", "system", "agent_version"])
def test_a_name_that_could_not_be_shown_is_refused_by_field(
    server: RunningServer, client: httpx.Client, field: str
) -> None:
    message = codec.encode(SigningDevice(server.url).start_message()) | {field: "x\x1b[2Jy"}
    response = post(client, "/api/v1/enrolment", message)
    assert (response.status_code, response.json()["field"]) == (400, field)


def test_an_unknown_ceremony_is_refused_by_field(
    server: RunningServer, client: httpx.Client
) -> None:
    device = SigningDevice(server.url)
    challenge = dataclasses.replace(begun(device, client), enrolment="0" * 32)
    finish = device.finish_message(challenge, server.enroll_code())
    response = post(client, "/api/v1/enrolment/finish", finish)
    assert (response.status_code, response.json()["field"]) == (400, "enrolment")


def test_an_oversized_message_is_refused(client: httpx.Client) -> None:
    response = client.post("/api/v1/enrolment", content=b"x" * 20_000, headers=JSON)
    assert (response.status_code, response.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize("owner", ["ana", "ana@", "@example.com", "a b@example.com", "a@b\n"])
def test_a_code_is_for_an_e_mail_address(server: RunningServer, owner: str) -> None:
    ended = server.command("enroll-code", "--owner", owner, check=False)
    # A line's end at the end is what a shell leaves; it is no part of the address.
    assert ended.returncode == (0 if owner == "a@b\n" else 1)


def test_a_code_has_at_least_fifty_random_bits() -> None:
    assert len(codes.ALPHABET) == len(set(codes.ALPHABET)) == 32
    assert codes.LENGTH * 5 >= 50
    assert len({codes.new_code() for _ in range(1_000)}) == 1_000
