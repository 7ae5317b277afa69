import json
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from passmuster_agent import reporter
from passmuster_agent.ceremony import LONGEST_PAUSE_S
from passmuster_agent.config import Device, State
from passmuster_agent.delivery import Delivery, DeliveryKind
from passmuster_agent.enrolment import Request, enroll
from passmuster_agent.errors import AgentError, ExitCode
from passmuster_agent.keystore import tpm_device
from passmuster_agent.one_time_code import CodeRefusedError, normalised
from passmuster_agent.outbox import Outbox
from passmuster_agent.transport import UnreachableError
from passmuster_collectors.contract.enrolment import KeyTier
from tests.support.agent_records import a_record
from tests.support.certificates import Authority
from tests.support.report_server import CODE, HANG_UP, Raw, ReportServer, refusal, serving
from tests.support.secret_service import secret_service
from tests.support.software_tpm import software_tpm

Say = Callable[[str], None]


def request(server: ReportServer, **changes: object) -> Request:
    asked = {"server_url": server.url, "authority": None, "tier": "file", "replace": False}
    return Request(**(asked | changes))  # type: ignore[arg-type]


def with_code(
    state: State,
    server: ReportServer,
    code: str = CODE,
    sleep: Callable[[float], None] = lambda _: None,
) -> Device:
    return enroll(state, request(server), lambda: code, lambda _: None, tries=1, sleep=sleep)


class Lossy:
    """The server's own way: the same laptop with the same code gets the same answer.

    Each of `answers` arrives in place of the right one, after the code has counted.
    """

    def __init__(self, server: ReportServer, *answers: Raw) -> None:
        self._finish = server.finish
        self._answers = list(answers)
        self._told: dict[str, Raw] = {}

    def __call__(self, body: bytes) -> Raw:
        message = json.loads(body)
        name = f"{message['enrolment']} {message['code']}"
        if name not in self._told:
            self._told[name] = self._finish(body)
        return self._answers.pop(0) if self._answers else self._told[name]


BAD_GATEWAY = Raw(502, {"Content-Type": "text/html"}, b"<h1>502 Bad Gateway</h1>")
FAILED = refusal(500, "internal", "Something went wrong here.")


def left_behind(state: State) -> list[str]:
    return sorted(path.name for path in state.path.iterdir() if path.name != "agent.lock")


class TestCodes:
    @pytest.mark.parametrize(
        "typed", ["ABCDE-FGHJK-01", "abcdefghjk01", " ABCDE FGHJK OI\n", "abcde-fghjk-ol"]
    )
    def test_look_alikes_hyphens_and_case_do_not_matter(
        self, server: ReportServer, state: State, typed: str
    ) -> None:
        assert with_code(state, server, typed).owner == "ana@example.com"

    @pytest.mark.parametrize("typed", ["ABC!", "ÄÖÜ", "UUUU", "A" * 65, "A\x00B"])
    def test_what_cannot_be_one_is_refused_here(self, typed: str) -> None:
        with pytest.raises(CodeRefusedError, match="is not a code"):
            normalised(typed)

    @pytest.mark.parametrize("typed", ["", "\n", " - "])
    def test_none_at_all_is_said(self, typed: str) -> None:
        with pytest.raises(CodeRefusedError, match="No code was given"):
            normalised(typed)

    def test_a_wrong_one_is_refused_and_leaves_nothing_behind(
        self, server: ReportServer, state: State
    ) -> None:
        with pytest.raises(AgentError, match="The code is not right") as caught:
            with_code(state, server, "WRONG")
        assert caught.value.exit_code is ExitCode.REFUSED
        assert left_behind(state) == []

    def test_a_used_one_is_refused(
        self, server: ReportServer, state: State, tmp_path: Path
    ) -> None:
        with_code(state, server)
        with pytest.raises(AgentError, match=r"used already.*Ask IT for a new one"):
            with_code(State(tmp_path / "other"), server)

    @pytest.mark.parametrize("code", ["code_expired", "too_many_tries"])
    def test_other_refusals_say_what_to_do(
        self, server: ReportServer, state: State, code: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(server, "finish", lambda _: refusal(403, code, "No."))
        with pytest.raises(AgentError, match=r"code.*(Ask IT|Start again)"):
            with_code(state, server)

    def test_a_person_may_try_again_within_one_ceremony(
        self, server: ReportServer, state: State
    ) -> None:
        typed: Iterator[str] = iter(["WRONG", "not a code!", CODE])
        said: list[str] = []
        enroll(state, request(server), lambda: next(typed), said.append, tries=3)
        assert len(server.starts) == 1
        assert any("not right" in line for line in said)
        assert any("is not a code" in line for line in said)


class TestTheCeremony:
    def test_both_sides_see_the_same_fingerprint(self, server: ReportServer, state: State) -> None:
        said: list[str] = []
        device = enroll(state, request(server), lambda: CODE, said.append, tries=1)
        assert server.starts[0].public_key.fingerprint() == device.fingerprint
        assert device.fingerprint in said[0]

    def test_the_least_about_the_laptop_is_told(self, server: ReportServer, state: State) -> None:
        with_code(state, server)
        start = server.starts[0]
        assert start.tier is KeyTier.FILE
        assert start.computer_name
        assert start.system

    def test_a_server_of_before_is_told_of_no_owner(
        self, server: ReportServer, state: State, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answer = server.finish
        bodies: list[bytes] = []

        def finish(body: bytes) -> Raw:
            bodies.append(body)
            return answer(body)

        monkeypatch.setattr(server, "finish", finish)
        with_code(state, server)
        assert bodies
        assert b"owner" not in bodies[0]

    def test_the_code_is_kept_nowhere(
        self, server: ReportServer, state: State, capfd: pytest.CaptureFixture[str]
    ) -> None:
        with_code(state, server)
        normal = CODE.replace("-", "")
        for path in state.path.rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                assert CODE.encode() not in content
                assert normal.encode() not in content
        printed = "".join(capfd.readouterr())
        assert normal not in printed
        assert CODE not in printed

    def test_all_that_is_kept_is_its_users_alone(self, server: ReportServer, state: State) -> None:
        with_code(state, server)
        for path in (state.path, *state.path.rglob("*")):
            expected = 0o700 if path.is_dir() else 0o600
            assert stat.S_IMODE(path.stat().st_mode) == expected, path

    def test_the_certificates_and_nothing_else_of_the_file_are_pinned(
        self, state: State, tmp_path: Path, say: Say
    ) -> None:
        authority = Authority(tmp_path)
        certificate, key = authority.issue()
        bundle = tmp_path / "bundle.pem"
        bundle.write_bytes(key.read_bytes() + authority.certificate.read_bytes())
        with serving(certificate=(certificate, key)) as server:
            device = enroll(state, request(server, authority=bundle), lambda: CODE, say, tries=1)
        pinned = state.authority(device)
        assert pinned is not None
        assert pinned.read_bytes() == authority.certificate.read_bytes()

    def test_the_key_can_be_kept_in_the_keyring(
        self,
        server: ReportServer,
        state: State,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        say: Say,
    ) -> None:
        with secret_service(tmp_path / "desktop") as address:
            monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
            device = enroll(state, request(server, tier="keyring"), lambda: CODE, say, tries=1)
            assert device.tier is KeyTier.KEYRING
            assert server.starts[0].tier is KeyTier.KEYRING
            with Outbox(state.outbox(device)) as outbox:
                outbox.append(a_record(), changed=True)
            assert reporter.deliver(state).kind is DeliveryKind.ACCEPTED
        assert not list(state.path.rglob("key.pem"))
        with Outbox(state.outbox(device)) as outbox:
            outbox.append(a_record(), changed=True)
        delivered = reporter.deliver(state)
        assert "keyring" in delivered.problem
        assert not list(state.path.rglob("key.pem")), "no weaker tier may be used silently"

    def test_the_key_can_be_kept_in_the_tpm_and_is_looked_for_nowhere_else(
        self, server: ReportServer, state: State, monkeypatch: pytest.MonkeyPatch, say: Say
    ) -> None:
        with software_tpm() as chip:
            monkeypatch.setattr(tpm_device, "PATH", chip.path)
            device = enroll(state, request(server, tier="auto"), lambda: CODE, say, tries=1)
            assert device.tier is KeyTier.HARDWARE
            assert server.starts[0].tier is KeyTier.HARDWARE
            assert report(state, device).kind is DeliveryKind.ACCEPTED
        delivered = report(state, device)
        assert delivered.kind is DeliveryKind.LATER
        assert "no TPM 2.0" in delivered.problem
        assert not list(state.path.rglob("key.pem")), "no weaker tier may be used silently"

    def test_why_a_stronger_tier_is_not_used_is_said(
        self, server: ReportServer, state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tpm_device, "PATH", tmp_path / "tpmrm0")
        said: list[str] = []
        enroll(state, request(server, tier="auto"), lambda: CODE, said.append, tries=1)
        assert said[0].startswith("Not in tier hardware: This laptop has no TPM 2.0")


def report(state: State, device: Device) -> Delivery:
    with Outbox(state.outbox(device)) as outbox:
        outbox.append(a_record(), changed=True)
    return reporter.deliver(state)


class TestEnrollingAgain:
    def test_is_refused_without_being_asked_for(
        self, server: ReportServer, state: State, enrolled: Device
    ) -> None:
        with pytest.raises(AgentError, match=r"enrolled already.*--replace"):
            with_code(state, server)
        assert state.device() == enrolled

    def test_gives_a_new_key_and_removes_the_old_one(
        self, server: ReportServer, state: State, enrolled: Device, say: Say
    ) -> None:
        server.codes["SECND"] = "ana@example.com"
        device = enroll(state, request(server, replace=True), lambda: "SECND", say, tries=1)
        assert device.fingerprint != enrolled.fingerprint
        assert left_behind(state) == sorted([device.identity, "device.json"])

    def test_that_fails_leaves_the_earlier_one_in_force(
        self, server: ReportServer, state: State, enrolled: Device, say: Say
    ) -> None:
        with pytest.raises(AgentError, match="not right"):
            enroll(state, request(server, replace=True), lambda: "WRONG", say, tries=1)
        assert state.device() == enrolled
        with Outbox(state.outbox(enrolled)) as outbox:
            outbox.append(a_record(), changed=True)
        assert reporter.deliver(state).kind is DeliveryKind.ACCEPTED

    def test_mends_a_damaged_state(
        self, server: ReportServer, state: State, enrolled: Device, say: Say
    ) -> None:
        (state.path / "device.json").write_bytes(b"{")
        server.codes["SECND"] = "ana@example.com"
        device = enroll(state, request(server, replace=True), lambda: "SECND", say, tries=1)
        assert state.device() == device != enrolled


class TestTrouble:
    def test_an_unreachable_server_is_said(self, server: ReportServer, state: State) -> None:
        server.url = "http://127.0.0.1:9"
        with pytest.raises(UnreachableError) as caught:
            with_code(state, server)
        assert caught.value.exit_code is ExitCode.NOT_DELIVERED
        assert left_behind(state) == []

    def test_a_server_that_is_not_one_is_said(self, server: ReportServer, state: State) -> None:
        server.url += "/elsewhere"
        with pytest.raises(AgentError, match=r"not Passmuster \(status 404\)"):
            with_code(state, server)

    @pytest.mark.parametrize(
        "change",
        [
            {"server": "another"},
            {"hash_key": "c2hvcnQ"},
            {"hash_key": "!"},
            {"device": 7},
            {"extra": 1},
            {"report_within_s": 0},
        ],
    )
    def test_an_answer_that_breaks_the_contract_is_refused(
        self,
        server: ReportServer,
        state: State,
        change: dict[str, object],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        finish = server.finish

        def changed(body: bytes) -> Raw:
            answer = finish(body)
            value = json.loads(answer.body) | change
            return Raw(200, answer.headers, json.dumps(value).encode())

        monkeypatch.setattr(server, "finish", changed)
        with pytest.raises(AgentError, match=r"format|changed its identity"):
            with_code(state, server)
        assert left_behind(state) == []

    def test_a_lost_answer_leaves_nothing_behind(
        self, server: ReportServer, state: State, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(server, "finish", lambda _: HANG_UP)
        with pytest.raises(UnreachableError):
            with_code(state, server)
        assert left_behind(state) == []

    @pytest.mark.parametrize(
        "lost",
        [HANG_UP, BAD_GATEWAY, Raw(503), Raw(504), FAILED],
        ids=["hung up", "bad gateway", "unavailable", "gateway timeout", "its own failure"],
    )
    def test_a_code_whose_answer_was_lost_is_sent_again_with_the_same_key(
        self, server: ReportServer, state: State, monkeypatch: pytest.MonkeyPatch, lost: Raw
    ) -> None:
        monkeypatch.setattr(server, "finish", Lossy(server, lost))
        device = with_code(state, server)
        assert device.device in server.devices
        assert (len(server.starts), len(server.devices)) == (1, 1)

    @pytest.mark.parametrize(("asked_s", "waited_s"), [("7", 7.0), ("3600", LONGEST_PAUSE_S)])
    def test_it_is_sent_again_no_sooner_than_the_server_wants_it_within_reason(
        self,
        server: ReportServer,
        state: State,
        monkeypatch: pytest.MonkeyPatch,
        asked_s: str,
        waited_s: float,
    ) -> None:
        busy = refusal(503, "overloaded", "Too many at once.", "", {"Retry-After": asked_s})
        monkeypatch.setattr(server, "finish", Lossy(server, busy))
        paused: list[float] = []
        with_code(state, server, sleep=paused.append)
        assert paused == [waited_s]

    def test_a_server_that_is_started_anew_has_half_a_minute(
        self, server: ReportServer, state: State, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(server, "finish", Lossy(server, HANG_UP, *[BAD_GATEWAY] * 4))
        paused: list[float] = []
        said: list[str] = []
        enroll(state, request(server), lambda: CODE, said.append, tries=1, sleep=paused.append)
        assert sum(paused) >= 30
        assert [line for line in said if "Sending the code again" in line] == [said[2]]

    def test_who_gets_no_answer_in_the_end_is_told_that_the_code_may_be_used_up(
        self, server: ReportServer, state: State, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(server, "finish", Lossy(server, *[HANG_UP] * 20))
        with pytest.raises(UnreachableError, match=r"may have been used.*ask IT for a new one"):
            with_code(state, server)
        assert left_behind(state) == []

    def test_what_a_gateway_says_all_the_time_is_told_as_it_is(
        self, server: ReportServer, state: State, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(server, "finish", lambda _: BAD_GATEWAY)
        with pytest.raises(UnreachableError, match=r"is not ready \(status 502\)") as caught:
            with_code(state, server)
        assert caught.value.exit_code is ExitCode.NOT_DELIVERED
        assert left_behind(state) == []

    def test_what_the_server_itself_refuses_is_asked_once(
        self, server: ReportServer, state: State, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(server, "finish", lambda _: refusal(409, "conflict", "Another's key."))
        paused: list[float] = []
        with pytest.raises(AgentError, match="Another's key") as caught:
            with_code(state, server, sleep=paused.append)
        assert caught.value.exit_code is ExitCode.REFUSED
        assert paused == []

    def test_a_busy_server_says_when(
        self, server: ReportServer, state: State, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        busy = refusal(503, "overloaded", "Too many at once.", "", {"Retry-After": "7"})
        monkeypatch.setattr(server, "enrolment", lambda _: busy)
        with pytest.raises(AgentError, match=r"Too many at once.*in 7 s") as caught:
            with_code(state, server)
        assert caught.value.exit_code is ExitCode.NOT_DELIVERED

    def test_an_authority_that_is_none_is_refused(
        self, server: ReportServer, state: State, tmp_path: Path, say: Say
    ) -> None:
        (tmp_path / "ca.pem").write_text("not a certificate")
        server.url = server.url.replace("http:", "https:")

        def asked_for(authority: Path) -> Request:
            return request(server, authority=authority)

        with pytest.raises(AgentError, match="no certificate in PEM form"):
            enroll(state, asked_for(tmp_path / "ca.pem"), lambda: CODE, say, tries=1)
        with pytest.raises(AgentError, match="cannot be read"):
            enroll(
                state, request(server, authority=tmp_path / "no.pem"), lambda: CODE, say, tries=1
            )

    def test_a_running_agent_is_not_disturbed(self, server: ReportServer, state: State) -> None:
        with state.lock(), pytest.raises(AgentError, match="Another agent works on"):
            with_code(state, server)
