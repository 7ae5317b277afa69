"""The reader against what is real: this machine's kernel, and headers that cryptsetup wrote."""

import os
import subprocess
from pathlib import Path

import pytest

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.reading import Reading, SourceOutcome, Status
from passmuster_collectors.host import this_host
from passmuster_collectors.runner import collect
from passmuster_collectors.signals.disk_encryption import SIGNAL
from passmuster_collectors.signals.disk_encryption.facts import DiskEncryptionFacts, Role, State
from passmuster_collectors.signals.disk_encryption.linux.device_mapper import parse_change
from tests.support.tools import require_tool

CHEAP = ("--batch-mode", "--type=luks2", "--pbkdf=pbkdf2", "--pbkdf-force-iterations=1000")


@pytest.fixture(scope="module")
def reading() -> Reading:
    (found,) = collect(this_host(b"a key for this test alone"), [SIGNAL])
    return found


def test_this_machines_disks_are_read_or_it_says_why_not(reading: Reading) -> None:
    if reading.status is Status.UNAVAILABLE:
        assert reading.reason
        assert any(source.outcome is not SourceOutcome.READ for source in reading.sources)
        return
    facts = codec.decode(DiskEncryptionFacts, reading.facts)
    assert any(volume.role is Role.SYSTEM for volume in facts.volumes)
    assert all(volume.state is not State.UNKNOWN for volume in facts.volumes)


def test_a_root_straight_on_a_disk_of_this_machine_is_not_encrypted(reading: Reading) -> None:
    device = os.stat("/").st_dev  # noqa: PTH116 - the number alone is wanted
    block = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve()
    if "/devices/virtual/" in str(block) or os.major(device) == 0 or not block.exists():
        pytest.skip("the root of this machine is on no disk of its own")
    if reading.status is Status.UNAVAILABLE:
        pytest.skip("this test runs inside of a container")
    facts = codec.decode(DiskEncryptionFacts, reading.facts)
    (root,) = (volume for volume in facts.volumes if volume.mount == "/")
    assert root.state is State.UNENCRYPTED


@pytest.mark.parametrize(
    ("change", "expected"), [(None, None), (("--encrypt", "--init-only"), State.ENCRYPTING)]
)
def test_the_header_that_cryptsetup_wrote_tells_what_is_being_changed(
    tmp_path: Path, change: tuple[str, ...] | None, expected: State | None
) -> None:
    cryptsetup = require_tool("cryptsetup")
    image, key = tmp_path / "image", tmp_path / "key"
    image.touch()
    os.truncate(image, 64 * 1024 * 1024)
    key.write_bytes(os.urandom(32))
    command = ["luksFormat"] if change is None else ["reencrypt", *change]
    if change is not None:
        command.append("--reduce-device-size=32M")
    subprocess.run(
        [cryptsetup, *command, *CHEAP, f"--key-file={key}", image],
        check=True,
        capture_output=True,
        timeout=60,
    )
    dumped = subprocess.run(
        [cryptsetup, "luksDump", "--dump-json-metadata", image],
        check=True,
        capture_output=True,
        timeout=60,
    )
    assert parse_change(dumped.stdout) is expected
