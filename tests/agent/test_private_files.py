import os
import stat
from pathlib import Path

import pytest

from passmuster_agent import private_files
from passmuster_agent.errors import AgentError
from tests.support.tools import missing


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_folder_is_its_users_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        private_files.make_directory(tmp_path / "state")
        private_files.create(tmp_path / "state" / "file", b"content")
    finally:
        os.umask(before)
    assert mode(tmp_path / "state") == 0o700
    assert mode(tmp_path / "state" / "file") == 0o600


def test_a_folder_that_is_open_to_others_is_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(0o755)
    with pytest.raises(AgentError, match=r"open to others. Run: chmod 700"):
        private_files.make_directory(tmp_path / "state")


def test_a_link_in_the_folders_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "state").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(AgentError, match="is not a folder"):
        private_files.make_directory(tmp_path / "state")


def test_another_users_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o700)
    if os.geteuid() != 0:
        missing("only root can give a folder away")
    os.chown(tmp_path / "state", 1, 1)
    with pytest.raises(AgentError, match="belongs to another user"):
        private_files.make_directory(tmp_path / "state")


def test_an_existing_file_is_not_overwritten(tmp_path: Path) -> None:
    private_files.create(tmp_path / "file", b"first")
    with pytest.raises(FileExistsError):
        private_files.create(tmp_path / "file", b"second")
    assert private_files.read(tmp_path / "file") == b"first"


def test_replacing_leaves_no_other_file(tmp_path: Path) -> None:
    private_files.create(tmp_path / "file", b"first")
    private_files.replace(tmp_path / "file", b"second")
    assert private_files.read(tmp_path / "file") == b"second"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    private_files.create(tmp_path / "file", b"secret")
    (tmp_path / "file").chmod(0o644)
    with pytest.raises(AgentError, match="open to others"):
        private_files.read(tmp_path / "file")


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    private_files.create(tmp_path / "file", b"x" * (private_files.MAX_BYTES + 1))
    with pytest.raises(AgentError, match="larger than"):
        private_files.read(tmp_path / "file")
