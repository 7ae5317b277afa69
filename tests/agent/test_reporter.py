"""Delivery against a server that checks every signature and keeps the ratchet."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from passmuster_agent import delivery, reporter, reporter_process
from passmuster_agent.config import Device, State
from passmuster_agent.delivery import DeliveryKind, Obstacle
from passmuster_agent.enrolment import Request, enroll
from passmuster_agent.errors import AgentError
from passmuster_agent.lock import Lock
from passmuster_agent.outbox import Outbox
from passmuster_collectors.contract.problem import Problem
from passmuster_collectors.contract.report import Upload
from passmuster_collectors.contract.verdict import Verdict
from tests.support.agent_records import a_record
from tests.support.certificates import Authority
from tests.support.report_server import (
    CODE,
    HANG_UP,
    Raw,
    ReportServer,
    refusal,
    serving,
)


@pytest.fixture
def outbox(state: State, enrolled: Device) -> Iterator[Outbox]:
    with Outbox(state.outbox(enrolled)) as opened:
        yield opened


def sent(server: ReportServer) -> list[str]:
    return [record.readings[0].reason for record in server.records]


def test_what_waits_arrives_signed_in_order_and_once(
    server: ReportServer, state: State, outbox: Outbox
) -> None:
    for reason in ("one", "two"):
        outbox.append(a_record(reason), changed=True)
    assert reporter.deliver(state).kind is DeliveryKind.ACCEPTED
    assert sent(server) == ["one", "two"]
    assert reporter.deliver(state).uploads == 0, "nothing is sent twice"
    assert len(server.bodies) == 1


def test_the_answer_is_kept_for_status(server: ReportServer, state: State, outbox: Outbox) -> None:
    server.verdict = Verdict.NON_COMPLIANT
    outbox.append(a_record(), changed=True)
    reporter.deliver(state)
    overview = outbox.overview()
    assert overview.answer is not None
    assert overview.answer.verdict is Verdict.NON_COMPLIANT
    assert overview.reported
    assert overview.waiting == 0


def test_the_ratchet_turns_over_many_uploads(
    server: ReportServer, state: State, outbox: Outbox
) -> None:
    for number in range(5):
        outbox.append(a_record(f"{number}"), changed=True)
        assert reporter.deliver(state).kind is DeliveryKind.ACCEPTED
    assert [upload.sequence for upload in server.uploads] == [1, 2, 3, 4, 5]
    assert len({upload.nonce for upload in server.uploads}) == 5


@pytest.mark.parametrize(
    "lost",
    [
        HANG_UP,
        Raw(502, {}, b"bad gateway"),
        Raw(200, {}, b"not an answer"),
        Raw(200, {"Content-Length": "5"}, b""),
    ],
    ids=["hung up", "gateway", "garbage", "cut off"],
)
def test_a_lost_answer_is_asked_for_with_the_very_same_bytes(
    server: ReportServer, state: State, outbox: Outbox, lost: Raw
) -> None:
    outbox.append(a_record("one"), changed=True)
    server.lose.append(lost)
    assert reporter.deliver(state).kind is DeliveryKind.LATER
    outbox.append(a_record("two"), changed=True)
    assert reporter.deliver(state).kind is DeliveryKind.ACCEPTED
    assert server.bodies[0] == server.bodies[1]
    assert sent(server) == ["one", "two"]


def test_an_unreachable_server_loses_nothing(
    server: ReportServer, state: State, outbox: Outbox
) -> None:
    outbox.append(a_record("one"), changed=True)
    server.instead.append(HANG_UP)
    delivered = reporter.deliver(state)
    assert (delivered.kind, delivered.obstacle) == (DeliveryKind.LATER, Obstacle.NETWORK)
    assert outbox.overview().delivery == delivered
    reporter.deliver(state)
    assert sent(server) == ["one"]


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_busy_server_is_given_the_time_it_asks_for(
    server: ReportServer, state: State, outbox: Outbox, status: int
) -> None:
    outbox.append(a_record("one"), changed=True)
    server.instead.append(refusal(status, "overloaded", "Soon.", "", {"Retry-After": "17"}))
    delivered = reporter.deliver(state)
    assert (delivered.kind, delivered.obstacle) == (DeliveryKind.LATER, Obstacle.SERVER)
    assert delivered.retry_after_s == 17
    reporter.deliver(state)
    assert sent(server) == ["one"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Raw(302, {"Location": "http://portal.example.com/"}), "leads elsewhere"),
        (Raw(403, {"Content-Type": "text/html"}, b"<html>"), "is not Passmuster"),
        (Raw(401, {}, b""), "is not Passmuster"),
        (Raw(404, {}, b""), "is not Passmuster"),
        (Raw(204, {}, b""), "is not Passmuster"),
        (refusal(400, "wrong_host", "Another name."), "Another name"),
        (refusal(400, "malformed", "Not this server.", "audience"), r"field audience"),
    ],
    ids=["redirect", "html", "bare 401", "404", "204", "other refusal", "not about a record"],
)
def test_what_does_not_come_from_the_server_or_is_not_about_a_record_sets_nothing_aside(
    server: ReportServer, state: State, outbox: Outbox, answer: Raw, words: str
) -> None:
    outbox.append(a_record("one"), changed=True)
    server.instead.append(answer)
    delivered = reporter.deliver(state)
    assert delivered.kind is DeliveryKind.LATER
    assert words in delivered.problem
    assert outbox.overview().set_aside == ()
    reporter.deliver(state)
    assert sent(server) == ["one"]


class TestARefusedRecord:
    def test_that_is_named_is_set_aside_and_the_others_arrive(
        self, server: ReportServer, state: State, outbox: Outbox
    ) -> None:
        def judge(upload: Upload) -> Problem | None:
            for index, record in enumerate(upload.records):
                if record.readings[0].reason == "bad":
                    field = f"records[{index}].readings[0].reason"
                    return Problem("Refused", 400, "malformed", "not a sentence", field)
            return None

        server.judge = judge
        for reason in ("one", "bad", "three"):
            outbox.append(a_record(reason), changed=True)
        assert reporter.deliver(state).kind is DeliveryKind.ACCEPTED
        assert sent(server) == ["one", "three"]
        assert outbox.overview().set_aside == ("records[1].readings[0].reason: not a sentence",)

    @pytest.mark.parametrize("status", [400, 413])
    def test_that_is_not_named_is_found(
        self, server: ReportServer, state: State, outbox: Outbox, status: int
    ) -> None:
        code = "too_large" if status == 413 else "malformed"

        def judge(upload: Upload) -> Problem | None:
            if any(record.readings[0].reason == "bad" for record in upload.records):
                return Problem("Refused", status, code, "nested too deep")
            return None

        server.judge = judge
        for reason in ("one", "two", "bad", "four", "five"):
            outbox.append(a_record(reason), changed=True)
        assert reporter.deliver(state).kind is DeliveryKind.ACCEPTED
        assert sent(server) == ["one", "two", "four", "five"]
        assert len(outbox.overview().set_aside) == 1

    def test_is_halved_as_well_when_only_a_proxy_finds_it_too_large(
        self, server: ReportServer, state: State, outbox: Outbox
    ) -> None:
        for reason in ("one", "two"):
            outbox.append(a_record(reason), changed=True)
        server.instead.append(Raw(413, {"Content-Type": "text/html"}, b"<html>"))
        reporter.deliver(state)
        assert [len(upload.records) for upload in server.uploads] == [1, 1]


class TestStops:
    @pytest.mark.parametrize(
        ("code", "status", "words"),
        [
            ("revoked", 401, "IT has revoked this laptop"),
            ("unknown_device", 401, "does not know this laptop"),
            ("bad_signature", 401, "another key"),
            ("identity_conflict", 409, "second copy"),
            ("replayed", 409, "set back or copied"),
        ],
    )
    def test_say_what_is_wrong_and_what_to_do_and_keep_the_records(
        self,
        server: ReportServer,
        state: State,
        outbox: Outbox,
        code: str,
        status: int,
        words: str,
    ) -> None:
        outbox.append(a_record("one"), changed=True)
        server.instead.append(refusal(status, code, "No."))
        delivered = reporter.deliver(state)
        assert (delivered.kind, delivered.code) == (DeliveryKind.STOPPED, code)
        assert words in delivered.problem
        assert "nrol" in delivered.remedy, "the way back is to enrol again"
        assert outbox.overview().waiting == 1

    def test_two_laptops_with_one_key_are_noticed_and_told(
        self, server: ReportServer, state: State, outbox: Outbox, tmp_path: Path
    ) -> None:
        subprocess.run(["cp", "-a", state.path, tmp_path / "copy"], check=True)
        copy = State(tmp_path / "copy")
        outbox.append(a_record("original"), changed=True)
        reporter.deliver(state)
        with Outbox(copy.outbox(copy.device())) as copied:
            copied.append(a_record("copy"), changed=True)
        delivered = reporter.deliver(copy)
        assert delivered.code == "identity_conflict"
        assert "enroll --replace" in delivered.remedy

    def test_a_revoked_device_is_told_so(
        self, server: ReportServer, state: State, outbox: Outbox, enrolled: Device
    ) -> None:
        server.devices[enrolled.device].revoked = True
        outbox.append(a_record(), changed=True)
        assert reporter.deliver(state).code == "revoked"


def test_a_key_that_is_gone_is_an_obstacle_on_this_laptop(
    server: ReportServer, state: State, outbox: Outbox, enrolled: Device
) -> None:
    outbox.append(a_record(), changed=True)
    (state.identity(enrolled.identity) / "key.pem").unlink()
    delivered = reporter.deliver(state)
    assert (delivered.kind, delivered.obstacle) == (DeliveryKind.LATER, Obstacle.LAPTOP)
    assert "gone" in delivered.problem
    assert server.bodies == []


def test_uploads_go_out_under_the_pinned_authority_only(state: State, tmp_path: Path) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path, "Another")
    with serving(certificate=authority.issue()) as server:
        request = Request(server.url, authority.certificate, "file", False)
        device = enroll(state, request, lambda: CODE, lambda _: None, tries=1)
        authority.certificate.unlink()  # the copy that was pinned is what counts
        with Outbox(state.outbox(device)) as outbox:
            outbox.append(a_record("one"), changed=True)
        assert reporter.deliver(state).kind is DeliveryKind.ACCEPTED
        pinned = state.identity(device.identity) / "authority.pem"
        pinned.write_bytes(other.certificate.read_bytes())
        with Outbox(state.outbox(device)) as outbox:
            outbox.append(a_record("two"), changed=True)
        assert "did not prove who it is" in reporter.deliver(state).problem
        assert sent(server) == ["one"]


class TestTheChild:
    def test_delivers_and_says_how_it_ended(
        self, server: ReportServer, state: State, outbox: Outbox
    ) -> None:
        outbox.append(a_record("one"), changed=True)
        output = subprocess.check_output(reporter_process.command(state.path), timeout=60)
        delivered = delivery.from_bytes(output)
        assert (delivered.kind, delivered.uploads) == (DeliveryKind.ACCEPTED, 1)
        assert sent(server) == ["one"]

    def test_says_so_when_the_state_cannot_be_used(self, tmp_path: Path) -> None:
        output = subprocess.check_output(reporter_process.command(tmp_path), timeout=60)
        delivered = delivery.from_bytes(output)
        assert delivered.kind is DeliveryKind.LATER
        assert "not enrolled" in delivered.problem

    def test_is_alone(
        self,
        server: ReportServer,
        state: State,
        outbox: Outbox,
        enrolled: Device,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        outbox.append(a_record("one"), changed=True)
        monkeypatch.setattr(reporter, "OTHER_REPORTER_S", 0.2)
        path = state.identity(enrolled.identity) / "reporter.lock"
        with Lock(path).acquire():
            assert "under way" in reporter.deliver(state).problem
        assert server.bodies == []

    def test_two_at_once_send_one_after_the_other(
        self, server: ReportServer, state: State, outbox: Outbox
    ) -> None:
        for number in range(5):
            outbox.append(a_record(f"{number}"), changed=True)
        threads = [threading.Thread(target=reporter.deliver, args=(state,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sent(server) == ["0", "1", "2", "3", "4"]


def test_a_laptop_that_is_not_enrolled_has_nothing_to_deliver(state: State) -> None:
    with pytest.raises(AgentError, match="not enrolled"):
        reporter.deliver(state)


LEFT_OUT = ("chardet", "charset_normalizer", "cryptography", "argparse", "idna", "lzma", "zipfile")
"""What guesses encodings, brings an OpenSSL of its own, and reads host names and archives."""


def test_its_process_leaves_out_what_it_does_without_and_says_nothing_of_it(
    state: State, enrolled: Device
) -> None:
    with Outbox(state.outbox(enrolled)) as outbox:
        outbox.append(a_record(), changed=True)
    program = (
        "import sys\nfrom passmuster_agent import cli\n"
        f"cli.main(['reporter', '--state', {str(state.path)!r}])\n"
        # Where there is no specification another module only stands in.
        "loaded = {each for each in sys.modules if getattr(sys.modules[each], '__spec__', None)}\n"
        f"print(*sorted(loaded & {{'requests', *{LEFT_OUT!r}}}), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert delivery.from_bytes(done.stdout.encode()).kind is DeliveryKind.ACCEPTED
    assert done.stderr == "requests\n"
