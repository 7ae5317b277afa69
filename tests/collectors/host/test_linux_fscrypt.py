"""A real encrypted folder of a real ext4, in an image of the test's own."""

import contextlib
import fcntl
import os
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from passmuster_collectors.host.base import SourceMissingError
from passmuster_collectors.host.linux import LinuxHost
from tests.support.tools import missing, require_tool

ADD_KEY = 0xC0506617  # _IOWR('f', 23, struct fscrypt_add_key_arg)
SET_POLICY = 0x800C6613  # _IOR('f', 19, struct fscrypt_policy_v1)
BY_IDENTIFIER = 2
KEY = bytes(range(64))
CONTENTS_XTS, NAMES_CTS = 1, 4


@pytest.fixture
def file_system(tmp_path: Path) -> Iterator[Path]:
    """An ext4 with the feature `encrypt`, mounted."""
    image, point = tmp_path / "image", tmp_path / "mounted"
    image.write_bytes(b"")
    os.truncate(image, 16 * 1024 * 1024)
    point.mkdir()
    make = [str(require_tool("mkfs.ext4")), "-q", "-O", "encrypt", str(image)]
    subprocess.run(make, check=True, capture_output=True, timeout=60)
    mount = [str(require_tool("mount")), "-o", "loop", str(image), str(point)]
    if subprocess.run(mount, check=False, capture_output=True, timeout=60).returncode != 0:
        missing("an image with encryption can't be mounted here: run as root")
    try:
        yield point
    finally:
        subprocess.run([str(require_tool("umount")), str(point)], check=True, timeout=60)


def encrypt(folder: Path) -> None:
    """Give an empty folder a policy, with a key that the file system keeps while it is mounted."""
    with contextlib.ExitStack() as cleanup:
        opened = os.open(folder, os.O_RDONLY)
        cleanup.callback(os.close, opened)
        # struct fscrypt_add_key_arg: key specifier (type, reserved, 32 bytes), raw size, key id, …
        argument = bytearray(
            struct.pack("=II32sII32s", BY_IDENTIFIER, 0, b"", len(KEY), 0, b"") + KEY
        )
        fcntl.ioctl(opened, ADD_KEY, argument)
        identifier = bytes(argument[8:24])
        policy = struct.pack("=BBBB4s16s", 2, CONTENTS_XTS, NAMES_CTS, 0, b"", identifier)
        fcntl.ioctl(opened, SET_POLICY, bytearray(policy))


def test_an_encrypted_folder_is_told_from_its_plain_neighbour(file_system: Path) -> None:
    host = LinuxHost(b"k" * 16)
    secret, plain = file_system / "secret", file_system / "plain"
    secret.mkdir()
    plain.mkdir()
    try:
        encrypt(secret)
    except OSError as error:
        missing(f"this kernel does not encrypt folders ({error.strerror})")
    assert host.is_encrypted_folder(str(secret))
    assert not host.is_encrypted_folder(str(plain))
    (secret / "inside").mkdir()
    assert host.is_encrypted_folder(str(secret / "inside"))


def test_a_file_system_that_can_not_encrypt_does_not(tmp_path: Path) -> None:
    assert LinuxHost(b"k" * 16).is_encrypted_folder("/proc") is False
    assert LinuxHost(b"k" * 16).is_encrypted_folder(str(tmp_path)) is False


def test_a_folder_that_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SourceMissingError):
        LinuxHost(b"k" * 16).is_encrypted_folder(str(tmp_path / "none"))
