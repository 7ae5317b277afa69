"""Keys in a TPM 2.0: a real one in software, and the refusals of one that is told to refuse."""

import contextlib
import json
import os
import stat
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passmuster_agent.keystore import tpm, tpm_commands, tpm_device
from passmuster_agent.keystore.interface import KeyStore, KeyStoreError
from passmuster_agent.keystore.tpm import TpmKeyStore
from passmuster_agent.keystore.tpm_commands import Blob
from passmuster_agent.keystore.tpm_device import TpmDevice
from passmuster_agent.keystore.tpm_errors import plain
from passmuster_collectors.contract.canonical import base64url, from_base64url
from passmuster_collectors.contract.enrolment import KeyTier
from tests.support.keystore_contract import IDENTITY, OTHER, KeyStoreContract, verify
from tests.support.software_tpm import SoftwareTpm, refused, scripted_tpm, software_tpm

NOBODY = 65534


@pytest.fixture
def chip(monkeypatch: pytest.MonkeyPatch) -> Iterator[SoftwareTpm]:
    with software_tpm() as running:
        monkeypatch.setattr(tpm_device, "PATH", running.path)
        yield running


class TestHardware(KeyStoreContract):
    tier = KeyTier.HARDWARE

    @pytest.fixture
    def keys(self, chip: SoftwareTpm, tmp_path: Path) -> KeyStore:
        return TpmKeyStore(tmp_path)

    @pytest.fixture
    def again(self, chip: SoftwareTpm, tmp_path: Path) -> KeyStore:
        return TpmKeyStore(tmp_path)

    def test_only_its_user_may_read_what_lies_on_the_disk(
        self, keys: KeyStore, tmp_path: Path
    ) -> None:
        keys.create(IDENTITY)
        path = tmp_path / IDENTITY / "key.tpm"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700

    def test_the_key_outlives_a_restart_of_the_laptop(
        self, keys: KeyStore, chip: SoftwareTpm
    ) -> None:
        public = keys.create(IDENTITY)
        chip.stop()
        chip.start()
        verify(public, keys.sign(IDENTITY, b"the day after"), b"the day after")

    def test_another_laptops_tpm_does_not_take_the_key(
        self, keys: KeyStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        keys.create(IDENTITY)
        with software_tpm() as other:
            monkeypatch.setattr(tpm_device, "PATH", other.path)
            with pytest.raises(KeyStoreError, match=r"another TPM.*INTEGRITY.*Enrol this laptop"):
                keys.sign(IDENTITY, b"a message")

    def test_a_cleared_tpm_has_lost_the_key(self, keys: KeyStore, chip: SoftwareTpm) -> None:
        keys.create(IDENTITY)
        chip.clear()
        with pytest.raises(KeyStoreError, match=r"has been cleared since.*Enrol this laptop"):
            keys.sign(IDENTITY, b"a message")

    def test_nothing_stays_loaded(self, keys: KeyStore) -> None:
        keys.create(IDENTITY)
        # A TPM has room for three loaded keys or a little more.
        for number in range(12):
            keys.sign(IDENTITY, bytes([number]))

    def test_short_numbers_are_filled_up(self, keys: KeyStore) -> None:
        public = keys.create(IDENTITY)
        for number in range(40):
            message = number.to_bytes(2, "big")
            verify(public, keys.sign(IDENTITY, message), message)

    @pytest.mark.parametrize(
        "damage",
        [
            b"",
            b"{",
            b'{"version":1}',
            b'{"version":1,"parent":1073741825,"public":"!","private":"AA"}',
            b'{"version":2,"parent":1073741825,"public":"AA","private":"AA"}',
            b"x" * 5000,
        ],
    )
    def test_a_damaged_key_says_what_to_do(
        self, keys: KeyStore, tmp_path: Path, damage: bytes
    ) -> None:
        keys.create(IDENTITY)
        (tmp_path / IDENTITY / "key.tpm").write_bytes(damage)
        with pytest.raises(KeyStoreError, match=r"damaged.*Enrol this laptop again"):
            keys.sign(IDENTITY, b"a message")

    def test_a_key_of_another_kind_is_not_taken_for_ours(
        self, keys: KeyStore, tmp_path: Path
    ) -> None:
        keys.create(IDENTITY)
        path = tmp_path / IDENTITY / "key.tpm"
        kept = json.loads(path.read_bytes())
        public = bytearray(from_base64url(kept["public"], ""))
        public[4:8] = (0x00030472).to_bytes(4, "big")  # a storage key
        path.write_text(json.dumps(kept | {"public": base64url(bytes(public))}))
        with pytest.raises(KeyStoreError, match="not of the kind"):
            keys.public_key(IDENTITY)

    def test_a_changed_key_is_refused_by_the_tpm(self, keys: KeyStore, tmp_path: Path) -> None:
        keys.create(IDENTITY)
        keys.create(OTHER)
        one, other = (tmp_path / name / "key.tpm" for name in (IDENTITY, OTHER))
        mixed = json.loads(one.read_bytes()) | {"public": json.loads(other.read_bytes())["public"]}
        one.write_text(json.dumps(mixed))
        with pytest.raises(KeyStoreError, match="The TPM refused to load"):
            keys.sign(IDENTITY, b"a message")


class TestATpmThatSomebodyOwns:
    def test_is_used_through_the_storage_key_that_was_left_for_others(
        self, chip: SoftwareTpm, tmp_path: Path
    ) -> None:
        leave_storage_key(chip)
        chip.set_owner_password(b"the owner's")
        keys = TpmKeyStore(tmp_path)
        public = keys.create(IDENTITY)
        verify(public, keys.sign(IDENTITY, b"a message"), b"a message")

    def test_is_not_to_be_had_where_none_was_left(self, chip: SoftwareTpm, tmp_path: Path) -> None:
        chip.set_owner_password(b"the owner's")
        with pytest.raises(KeyStoreError, match=r"owner has set a password \(BAD_AUTH\).*Ask IT"):
            TpmKeyStore(tmp_path).create(IDENTITY)

    def test_that_is_switched_off_in_the_setup_is_said(
        self, chip: SoftwareTpm, tmp_path: Path
    ) -> None:
        chip.switch_owner_off()
        with pytest.raises(KeyStoreError, match=r"switched off \(HIERARCHY\).*firmware's setup"):
            TpmKeyStore(tmp_path).create(IDENTITY)

    def test_that_gets_an_owner_later_says_so(self, chip: SoftwareTpm, tmp_path: Path) -> None:
        keys = TpmKeyStore(tmp_path)
        keys.create(IDENTITY)
        chip.set_owner_password(b"the owner's")
        with pytest.raises(KeyStoreError, match="BAD_AUTH"):
            keys.sign(IDENTITY, b"a message")


def leave_storage_key(chip: SoftwareTpm) -> None:
    """Do what systemd and Windows do: keep a storage key at the handle that is agreed on."""
    with TpmDevice(chip.path) as device:
        loaded = tpm_commands.create_parent(device)
    chip.keep(loaded.handle, tpm.SHARED_STORAGE_KEY)
    with TpmDevice(chip.path) as device:
        tpm_commands.flush(device, loaded)


class TestTheWayToTheTpm:
    def test_a_laptop_without_one_says_so(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tpm_device, "PATH", tmp_path / "tpmrm0")
        with pytest.raises(KeyStoreError, match=r"has no TPM 2\.0.*firmware's setup"):
            TpmKeyStore(tmp_path)

    def test_a_user_outside_its_group_is_told_which(self) -> None:
        with device_node(NOBODY if os.geteuid() == 0 else os.getegid(), 0o060) as path:
            told = refusal_as_nobody(path)
        assert "is for the group" in told
        assert "usermod -aG" in told

    def test_where_no_group_may_use_it_the_package_that_makes_one_is_named(self) -> None:
        with device_node(os.getegid(), 0o000) as path:
            told = refusal_as_nobody(path)
        assert "Only root may use the TPM" in told
        assert "tpm-udev" in told

    def test_one_that_dies_on_the_way_is_said(self, tmp_path: Path) -> None:
        with (
            scripted_tpm() as path,
            TpmDevice(path) as device,
            pytest.raises(KeyStoreError, match="does not answer"),
        ):
            tpm_commands.create_parent(device)

    def test_one_that_stays_silent_is_given_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tpm_device, "ANSWER_S", 0.2)
        with (
            scripted_tpm(b"\x80") as path,
            TpmDevice(path) as device,
            pytest.raises(KeyStoreError, match="no answer in"),
        ):
            tpm_commands.create_parent(device)

    @pytest.mark.parametrize(
        "answer",
        [
            pytest.param(struct.pack(">HII", 0x8001, 10, 0) + b"more", id="longer than it says"),
            pytest.param(struct.pack(">HII", 0x8002, 5000, 0) + bytes(4990), id="too long"),
            pytest.param(struct.pack(">HII", 0x8002, 2, 0), id="shorter than a header"),
            pytest.param(struct.pack(">HII", 0x8001, 10, 0), id="another tag"),
            pytest.param(struct.pack(">HII", 0x8002, 12, 0) + b"ab", id="cut in the handle"),
            pytest.param(struct.pack(">HIIII", 0x8002, 18, 0, 1, 99), id="cut in the parameters"),
        ],
    )
    def test_an_answer_that_is_none_is_refused(self, answer: bytes) -> None:
        with (
            scripted_tpm(answer) as path,
            TpmDevice(path) as device,
            pytest.raises(KeyStoreError, match=r"oddly|does not answer"),
        ):
            tpm_commands.create_parent(device)


class Chatter:
    """A TPM that answers whatever it is told to."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def transmit(self, command: bytes) -> bytes:
        return self._answer


class TestAnswersOfEveryKind:
    @given(st.sampled_from([0x8001, 0x8002, 0]), st.sampled_from([0, 0x922, 0x1DF]), st.binary())
    def test_end_in_a_result_or_in_words(self, tag: int, code: int, body: bytes) -> None:
        chatter = Chatter(struct.pack(">HII", tag, 10 + len(body), code) + body)
        key = tpm_commands.Loaded(0x80000000)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tpm_commands, "AGAIN_AFTER_S", 0.0)
            for command in (
                lambda: tpm_commands.create_parent(chatter),
                lambda: tpm_commands.create(chatter, key),
                lambda: tpm_commands.load(chatter, key, Blob(b"public", b"private")),
                lambda: tpm_commands.sign(chatter, key, bytes(32)),
                lambda: tpm_commands.flush(chatter, key),
                lambda: tpm_commands.exists(chatter, tpm.SHARED_STORAGE_KEY),
            ):
                with contextlib.suppress(KeyStoreError):
                    command()

    @given(st.binary(max_size=200))
    def test_that_are_a_public_key_or_none(self, public: bytes) -> None:
        with contextlib.suppress(KeyStoreError):
            x, y = tpm_commands.point(public)
            assert len(x) == len(y) == 32


class TestRefusals:
    @pytest.mark.parametrize(
        ("code", "expected"),
        [
            (0x921, "locked after too many wrong passwords"),
            (0x101, "failed its own test"),
            (0x100, "not started it"),
            (0x902, "is full"),
            (0x2E6, "no P-256"),
            (0x99D, "Tell IT this code"),
        ],
    )
    def test_are_told_by_name(self, code: int, expected: str) -> None:
        with (
            scripted_tpm(refused(code)) as path,
            TpmDevice(path) as device,
            pytest.raises(KeyStoreError, match=expected),
        ):
            tpm_commands.create_parent(device)

    def test_a_busy_tpm_is_asked_again(
        self, chip: SoftwareTpm, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tpm_commands, "AGAIN_AFTER_S", 0.01)
        with TpmDevice(chip.path) as real:
            busy = BusyTpm(real, [0x922, 0x908, 0x90A, 0x920])
            assert tpm_commands.create_parent(busy).handle
            assert busy.refusals == []

    def test_one_that_stays_busy_is_given_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tpm_commands, "AGAIN_AFTER_S", 0.0)
        answers = [refused(0x922)] * tpm_commands.TRIES
        with (
            scripted_tpm(*answers) as path,
            TpmDevice(path) as device,
            pytest.raises(KeyStoreError, match=r"stays busy \(RETRY\)"),
        ):
            tpm_commands.create_parent(device)

    @pytest.mark.parametrize(
        ("code", "expected"),
        # Table 17 of Part 2: parameter 1, handle 2 and session 1 of INTEGRITY and BAD_AUTH.
        [(0x1DF, 0x09F), (0x29F, 0x09F), (0x9A2, 0x0A2), (0x921, 0x921), (0x101, 0x101)],
    )
    def test_a_code_is_the_same_whatever_it_is_about(self, code: int, expected: int) -> None:
        assert plain(code) == expected


def test_signing_with_the_tpm_loads_no_library_for_signing() -> None:
    program = "import passmuster_agent.keystore.tpm, sys; print('cryptography' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "False"


class BusyTpm:
    """The real one behind a few refusals."""

    def __init__(self, device: TpmDevice, refusals: list[int]) -> None:
        self._device = device
        self.refusals = refusals

    def transmit(self, command: bytes) -> bytes:
        if self.refusals:
            return refused(self.refusals.pop(0))
        return self._device.transmit(command)


@contextlib.contextmanager
def device_node(group: int, mode: int) -> Iterator[Path]:
    """Give a file with a device's rights where everybody may look at them."""
    with tempfile.TemporaryDirectory(prefix="tpm-") as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / "tpmrm0"
        path.touch()
        os.chown(path, -1, group)
        path.chmod(mode)
        yield path


def refusal_as_nobody(path: Path) -> str:
    """Return what a user is told that has no right to the file; root has every right."""
    was = os.geteuid()
    if was == 0:
        os.seteuid(NOBODY)
    try:
        with pytest.raises(KeyStoreError) as caught:
            TpmDevice(path)
    finally:
        os.seteuid(was)
    return str(caught.value)
