"""A new key in the old one's place, whatever comes between."""

import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from passmuster_agent import reporter, rotation
from passmuster_agent.config import Device, State
from passmuster_agent.delivery import Delivery, DeliveryKind
from passmuster_agent.enrolment import Request, enroll
from passmuster_agent.errors import AgentError, ExitCode
from passmuster_agent.keystore import tpm_device
from passmuster_agent.outbox import Outbox
from passmuster_agent.rotate_key import rotate_key
from passmuster_collectors.contract.enrolment import KeyTier
from tests.support.agent_records import a_record
from tests.support.report_server import HANG_UP, Raw, ReportServer, refusal
from tests.support.software_tpm import SoftwareTpm, software_tpm
from tests.support.tools import REPOSITORY


@pytest.fixture
def chip(monkeypatch: pytest.MonkeyPatch) -> Iterator[SoftwareTpm]:
    with software_tpm() as running:
        monkeypatch.setattr(tpm_device, "PATH", running.path)
        yield running


@pytest.fixture(autouse=True)
def no_tpm_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tpm_device, "PATH", tmp_path / "tpmrm0")


def silent(_: str) -> None:
    pass


def report(state: State, name: str = "later") -> Delivery:
    with Outbox(state.outbox(state.device())) as outbox:
        outbox.append(a_record(name), changed=True)
    return reporter.deliver(state)


def keys_on_disk(state: State) -> list[Path]:
    return sorted(path for path in state.path.rglob("key.*"))


class TestRotating:
    def test_gives_a_new_key_and_the_reports_go_on(
        self, server: ReportServer, state: State, enrolled: Device
    ) -> None:
        assert report(state).kind is DeliveryKind.ACCEPTED
        device = rotate_key(state, None, silent)
        assert device.fingerprint != enrolled.fingerprint
        assert (device.device, device.tier) == (enrolled.device, KeyTier.FILE)
        assert report(state).kind is DeliveryKind.ACCEPTED
        assert [upload.sequence for upload in server.uploads] == [1, 3]

    def test_leaves_one_key_and_nothing_else(self, state: State, enrolled: Device) -> None:
        device = rotate_key(state, None, silent)
        assert keys_on_disk(state) == [state.path / device.key_name / "key.pem"]
        again = rotate_key(state, None, silent)
        assert keys_on_disk(state) == [state.path / again.key_name / "key.pem"]
        folders = sorted(path.name for path in state.path.iterdir() if path.is_dir())
        assert folders == sorted([enrolled.identity, again.key_name])
        assert rotation.find(state, again) is None

    @pytest.mark.usefixtures("chip", "enrolled")
    def test_moves_the_key_into_the_tpm_and_out_again(
        self, server: ReportServer, state: State
    ) -> None:
        assert rotate_key(state, "auto", silent).tier is KeyTier.HARDWARE
        assert report(state).kind is DeliveryKind.ACCEPTED
        assert rotate_key(state, "file", silent).tier is KeyTier.FILE
        assert report(state).kind is DeliveryKind.ACCEPTED
        assert server.tiers == [KeyTier.HARDWARE, KeyTier.FILE]

    @pytest.mark.usefixtures("chip", "enrolled")
    def test_stays_where_the_key_is_unless_told_otherwise(self, state: State) -> None:
        rotate_key(state, "hardware", silent)
        assert rotate_key(state, None, silent).tier is KeyTier.HARDWARE

    @pytest.mark.usefixtures("enrolled")
    def test_delivers_what_waits_first(self, server: ReportServer, state: State) -> None:
        with Outbox(state.outbox(state.device())) as outbox:
            outbox.append(a_record("waits"), changed=True)
        rotate_key(state, None, silent)
        assert [upload.sequence for upload in server.uploads] == [1]
        with Outbox(state.outbox(state.device())) as outbox:
            assert outbox.ratchet()[0] == 3

    @pytest.mark.usefixtures("enrolled")
    def test_works_beside_a_running_agent(self, state: State) -> None:
        with state.lock():
            rotate_key(state, None, silent)

    def test_an_enrolment_anew_leaves_no_key_behind(
        self, server: ReportServer, state: State, enrolled: Device
    ) -> None:
        rotate_key(state, None, silent)
        server.codes["SECND"] = "ana@example.com"
        request = Request(server.url, None, "file", True)
        device = enroll(state, request, lambda: "SECND", silent, tries=1)
        assert device.identity != enrolled.identity
        assert keys_on_disk(state) == [state.path / device.identity / "key.pem"]


class TestNoWeakerTierUnasked:
    @pytest.mark.usefixtures("enrolled")
    def test_auto_does_not_leave_the_tpm_for_less(
        self, server: ReportServer, state: State, chip: SoftwareTpm
    ) -> None:
        device = rotate_key(state, "hardware", silent)
        chip.stop()
        with pytest.raises(AgentError, match=r"weaker than hardware.*--tier"):
            rotate_key(state, "auto", silent)
        assert state.device() == device
        assert keys_on_disk(state) == [state.path / device.key_name / "key.tpm"]
        assert server.tiers == [KeyTier.HARDWARE]

    @pytest.mark.usefixtures("enrolled")
    def test_a_tier_that_is_not_to_be_had_changes_nothing(self, state: State) -> None:
        before = state.device()
        with pytest.raises(AgentError, match="no TPM"):
            rotate_key(state, "hardware", silent)
        assert state.device() == before
        assert rotation.find(state, before) is None
        assert report(state).kind is DeliveryKind.ACCEPTED

    @pytest.mark.usefixtures("enrolled")
    def test_a_lost_tpm_can_sign_no_rotation_and_says_what_to_do(
        self, state: State, chip: SoftwareTpm
    ) -> None:
        device = rotate_key(state, "hardware", silent)
        chip.clear()
        with pytest.raises(AgentError, match=r"has been cleared.*Enrol this laptop again"):
            rotate_key(state, "file", silent)
        assert state.device() == device
        assert keys_on_disk(state) == [state.path / device.key_name / "key.tpm"]


class TestTrouble:
    @pytest.mark.usefixtures("enrolled")
    def test_a_lost_answer_is_asked_for_again_before_anything_is_sent(
        self, server: ReportServer, state: State
    ) -> None:
        server.lose_rotations.append(HANG_UP)
        with pytest.raises(AgentError, match="goes on by itself") as caught:
            rotate_key(state, None, silent)
        assert caught.value.exit_code is ExitCode.NOT_DELIVERED
        assert report(state).kind is DeliveryKind.ACCEPTED
        assert len(set(server.rotations)) == 1, "the same bytes must be sent again"
        assert len(keys_on_disk(state)) == 1

    @pytest.mark.usefixtures("enrolled")
    def test_the_command_that_is_run_again_finishes_the_rotation(
        self, server: ReportServer, state: State
    ) -> None:
        server.instead_of_rotations.append(HANG_UP)
        with pytest.raises(AgentError):
            rotate_key(state, None, silent)
        device = rotate_key(state, None, silent)
        assert len(server.tiers) == 1, "expected: the same rotation, not another one"
        assert state.device() == device

    @pytest.mark.usefixtures("enrolled")
    @pytest.mark.parametrize(
        "answer",
        [
            HANG_UP,
            Raw(503),
            Raw(404),
            Raw(302, {"Location": "http://portal.example"}),
            Raw(200, {}, b"{}"),
            Raw(200, {}, b"<html>"),
            Raw(
                200,
                {},
                b'{"version":1,"device":"device-1","thumbprint":"another","nonce":"n"}',
            ),
        ],
    )
    def test_what_is_no_answer_leaves_both_keys_and_sends_nothing_else(
        self, server: ReportServer, state: State, answer: Raw
    ) -> None:
        server.instead_of_rotations.extend([answer, answer])
        with pytest.raises(AgentError):
            rotate_key(state, None, silent)
        assert report(state).kind is DeliveryKind.LATER
        assert server.uploads == []
        assert len(keys_on_disk(state)) == 2
        assert report(state).kind is DeliveryKind.ACCEPTED

    def test_a_refusal_keeps_the_old_key(
        self, server: ReportServer, state: State, enrolled: Device
    ) -> None:
        server.instead_of_rotations.append(refusal(400, "malformed", "No.", "proof"))
        with pytest.raises(AgentError, match=r"refused the new key: No\. \(field proof\)"):
            rotate_key(state, None, silent)
        assert state.device() == enrolled
        assert len(keys_on_disk(state)) == 1
        assert report(state).kind is DeliveryKind.ACCEPTED

    def test_a_server_that_has_no_rotation_keeps_the_old_key(
        self, server: ReportServer, state: State, enrolled: Device
    ) -> None:
        server.instead_of_rotations.append(refusal(404, "not_found", "Not found."))
        with pytest.raises(AgentError, match="refused the new key"):
            rotate_key(state, None, silent)
        assert state.device() == enrolled
        assert report(state).kind is DeliveryKind.ACCEPTED

    def test_a_revoked_laptop_is_told(
        self, server: ReportServer, state: State, enrolled: Device
    ) -> None:
        server.devices[enrolled.device].revoked = True
        with pytest.raises(AgentError, match="IT has revoked this laptop") as caught:
            rotate_key(state, None, silent)
        assert caught.value.exit_code is ExitCode.REFUSED

    def test_without_the_server_nothing_is_begun(
        self, server: ReportServer, state: State, enrolled: Device
    ) -> None:
        with Outbox(state.outbox(enrolled)) as outbox:
            outbox.append(a_record("waits"), changed=True)
        server.instead.append(HANG_UP)
        with pytest.raises(AgentError, match="cannot be reached"):
            rotate_key(state, None, silent)
        assert len(keys_on_disk(state)) == 1
        assert rotation.find(state, enrolled) is None

    def test_a_damaged_note_of_it_is_said(self, state: State, enrolled: Device) -> None:
        path = state.identity(enrolled.identity) / "rotation.json"
        path.touch(0o600)
        path.write_text("{")
        path.chmod(0o600)
        with pytest.raises(AgentError, match=r"rotation\.json is damaged"):
            rotate_key(state, None, silent)


# A child that dies by SIGKILL right before or right after one step of a rotation.
CHILD = textwrap.dedent(
    """
    import os, signal, sys
    from pathlib import Path
    from passmuster_agent import keystore, outbox, private_files, rotation, transport
    from passmuster_agent.config import State
    from passmuster_agent.keystore import file
    from passmuster_agent.rotate_key import rotate_key

    state, step, moment = State(Path(sys.argv[1])), sys.argv[2], sys.argv[3]
    owners = {
        "rotation": rotation, "keystore": keystore, "State": State, "Outbox": outbox.Outbox,
        "Transport": transport.Transport, "FileKeyStore": file.FileKeyStore,
    }
    owner, name = owners[step.split(".")[0]], step.split(".")[1]
    real = getattr(owner, name)

    def die():
        os.kill(os.getpid(), signal.SIGKILL)

    def patched(*arguments, **keywords):
        if moment == "before":
            die()
        real(*arguments, **keywords)
        die()

    setattr(owner, name, patched)
    rotate_key(state, None, print)
    """
)

STEPS = (
    "rotation.begin",
    "keystore.make",
    "FileKeyStore.create",
    "rotation.sign",
    "rotation._keep",
    "Transport.post",
    "State.save",
    "Outbox.rotated",
    "FileKeyStore.delete",
    "rotation._remove",
)


class TestKilled:
    @pytest.mark.parametrize("moment", ["before", "after"])
    @pytest.mark.parametrize("step", STEPS)
    def test_at_a_step_one_key_works_and_one_is_left(
        self, server: ReportServer, state: State, enrolled: Device, step: str, moment: str
    ) -> None:
        child = subprocess.run(
            [sys.executable, "-c", CHILD, state.path, step, moment],
            cwd=REPOSITORY,
            timeout=60,
            check=False,
        )
        assert child.returncode == -signal.SIGKILL, "the process must have died at the step"
        delivered = report(state)
        assert delivered.kind is DeliveryKind.ACCEPTED, delivered.problem
        device = state.device()
        rotated = bool(server.tiers)
        assert (device.fingerprint != enrolled.fingerprint) is rotated
        assert rotation.find(state, device) is None
        assert keys_on_disk(state) == [state.path / device.key_name / "key.pem"]
        rotate_key(state, None, silent)
        assert report(state).kind is DeliveryKind.ACCEPTED
