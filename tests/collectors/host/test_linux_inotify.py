import contextlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passmuster_collectors.host.linux_inotify import (
    CLOSE_WRITE,
    DELETE_SELF,
    HEADER,
    MOVED_TO,
    FolderEvent,
    Folders,
    parse,
)


@given(
    st.one_of(
        st.binary(max_size=200),
        st.lists(st.tuples(st.integers(-1, 9), st.integers(0, 2**32 - 1), st.integers(0, 40))).map(
            lambda events: b"".join(HEADER.pack(*each[:2], 0, each[2]) for each in events)
        ),
    )
)
def test_random_bytes_are_events_or_refused(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert all(isinstance(each, FolderEvent) for each in parse(data))


def test_names_end_at_the_first_nul() -> None:
    data = HEADER.pack(3, MOVED_TO, 0, 16) + b"user".ljust(16, b"\0")
    assert list(parse(data * 2)) == [FolderEvent(3, MOVED_TO, "user")] * 2


def test_what_happens_in_a_folder_is_told_by_name(tmp_path: Path) -> None:
    folders = Folders()
    watch = folders.add(str(tmp_path))
    assert folders.add(str(tmp_path)) == watch, "one number for one folder"
    assert folders.read() == ()
    (tmp_path / "new").write_bytes(b"x")
    (tmp_path / "new").rename(tmp_path / "old")
    found = folders.read()
    assert {(each.name, each.mask & (CLOSE_WRITE | MOVED_TO)) for each in found} >= {
        ("new", CLOSE_WRITE),
        ("old", MOVED_TO),
    }
    assert {each.watch for each in found} == {watch}
    folders.close()


def test_a_folder_that_goes_is_told(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    folders = Folders()
    watch = folders.add(str(gone))
    gone.rmdir()
    assert any(each.watch == watch and each.mask & DELETE_SELF for each in folders.read())
    folders.close()


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    folders = Folders()
    with pytest.raises(FileNotFoundError):
        folders.add(str(tmp_path / "none"))
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        folders.add(str(tmp_path / "file"))
    folders.close()


def test_reading_does_not_wait() -> None:
    folders = Folders()
    assert os.get_blocking(folders.fileno()) is False
    assert folders.read() == ()
    folders.close()
