"""The mount table: fields, escapes, and which mount a path leads to."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passmuster_collectors.text.mountinfo import (
    Mount,
    MountinfoError,
    MountTable,
    is_below,
    parse,
    unescape,
)
from tests.support.block_tree import Mounted, mountinfo


def table(*mounts: Mounted) -> MountTable:
    return MountTable(parse(mountinfo(*mounts).encode()))


def held_by(found: MountTable, path: str) -> str | None:
    mount = found.holding(path)
    return None if mount is None else mount.source


def test_a_line_is_read_field_by_field() -> None:
    # The example in proc(5), with three optional fields.
    line = (
        b"36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:2 unbindable - ext3 /dev/root rw,a=b\n"
    )
    assert parse(line) == (
        Mount(36, 35, (98, 0), "/mnt1", "/mnt2", "ext3", "/dev/root", ("rw", "a=b")),
    )


def test_a_line_without_optional_fields_is_read() -> None:
    (mount,) = parse(b"36 35 98:0 / / rw - ext3 /dev/root rw")
    assert (mount.point, mount.kind) == ("/", "ext3")


def test_white_space_comes_back_out_of_its_escapes() -> None:
    (mount,) = parse(rb"36 35 98:0 / /test\040\0431 rw - ext4 /dev/mapper/cr\040\0431 rw")
    assert mount.point == "/test #1"
    assert mount.source == "/dev/mapper/cr #1"


def test_a_backslash_is_not_unescaped_twice() -> None:
    assert unescape(rb"\134040") == r"\040"


def test_an_escaped_comma_belongs_to_the_value_of_an_option() -> None:
    (mount,) = parse(rb"36 35 0:41 / / rw - overlay overlay rw,upperdir=/a\054b,workdir=/w")
    assert mount.option("upperdir") == "/a,b"
    assert mount.option("workdir") == "/w"
    assert mount.option("lowerdir") is None


def test_an_empty_source_is_kept() -> None:
    (mount,) = parse(b"36 35 0:41 / /x rw - tmpfs  rw")
    assert (mount.kind, mount.source) == ("tmpfs", "")


@pytest.mark.parametrize(
    "line",
    [
        b"36 35 98:0 / / rw ext3 /dev/root rw",
        b"36 35 98:0 / / rw - ext3",
        b"x 35 98:0 / / rw - ext3 /dev/root rw",
        b"36 35 98 / / rw - ext3 /dev/root rw",
        b"\xff\xfe",
    ],
)
def test_a_line_in_another_format_is_refused(line: bytes) -> None:
    with pytest.raises(MountinfoError):
        parse(line)


@given(st.binary(max_size=300))
def test_no_bytes_do_more_than_be_refused(content: bytes) -> None:
    with suppress(MountinfoError):
        MountTable(parse(content)).holding("/")


def test_a_path_leads_to_the_mount_nearest_to_it() -> None:
    found = table(
        Mounted("/", "8:1", source="root"),
        Mounted("/home", "8:2", source="home"),
        Mounted("/home/ana", "8:3", source="ana"),
    )
    assert held_by(found, "/etc/passwd") == "root"
    assert held_by(found, "/home/bo/x") == "home"
    assert held_by(found, "/home/ana/x") == "ana"
    assert held_by(found, "/homework") == "root"


def test_what_is_mounted_later_on_the_same_place_covers_what_was_there() -> None:
    found = table(
        Mounted("/", "8:1", source="first"),
        Mounted("/", "8:2", source="second"),
        Mounted("/srv", "8:3", source="third"),
    )
    assert held_by(found, "/etc") == "second"
    assert held_by(found, "/srv/x") == "third"


def test_a_mount_below_one_that_was_covered_is_not_found() -> None:
    lines = (
        b"20 1 8:1 / / rw - ext4 root rw\n"
        b"21 20 8:2 / /a/b rw - ext4 hidden rw\n"
        b"22 20 8:3 / /a rw - ext4 covering rw\n"
    )
    assert held_by(MountTable(parse(lines)), "/a/b/file") == "covering"


def test_a_table_without_a_root_holds_nothing() -> None:
    assert MountTable(()).holding("/etc") is None


def test_mounts_that_hang_on_each_other_end_the_search() -> None:
    lines = b"20 21 8:1 / /a rw - ext4 one rw\n21 20 8:2 / /a rw - ext4 two rw\n"
    assert MountTable(parse(lines)).holding("/a") is None


@pytest.mark.parametrize(
    ("path", "folder", "expected"),
    [("/a/b", "/a", True), ("/a", "/a", True), ("/ab", "/a", False), ("/x", "/", True)],
)
def test_below_means_inside_not_alike(path: str, folder: str, expected: bool) -> None:
    assert is_below(path, folder) is expected
