"""dconf's databases, as `dconf compile` writes them."""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passmuster_collectors.text import gvdb
from passmuster_collectors.text.gvariant import Variant
from tests.support.dconf import compile_database

IDLE = "/org/gnome/desktop/session/idle-delay"
KEYS = """
[org/gnome/desktop/session]
idle-delay=uint32 240

[org/gnome/desktop/screensaver]
lock-enabled=false
picture-uri='file:///usr/share/backgrounds/hills.png'
"""


@pytest.fixture
def database(tmp_path: Path) -> bytes:
    return compile_database(tmp_path, KEYS, [IDLE]).read_bytes()


def test_values_are_found_by_their_full_names(database: bytes) -> None:
    table = gvdb.parse(database)
    assert table.value(IDLE) == Variant("u", 240)
    assert table.value("/org/gnome/desktop/screensaver/lock-enabled") == Variant("b", value=False)


def test_what_is_not_there_is_none(database: bytes) -> None:
    table = gvdb.parse(database)
    assert table.value("/org/gnome/desktop/session/idle") is None
    assert table.value(".locks") is None, "a table is no value"
    assert table.table(IDLE) is None, "a value is no table"


def test_locks_are_a_table_of_their_own(database: bytes) -> None:
    locks = gvdb.parse(database).table(".locks")
    assert locks is not None
    assert locks.has_value(IDLE)
    assert not locks.has_value("/org/gnome/desktop/screensaver/lock-enabled")


def test_an_empty_database_has_no_values(tmp_path: Path) -> None:
    assert gvdb.parse(compile_database(tmp_path, "").read_bytes()).value(IDLE) is None


def test_a_file_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="not a GVDB file"):
        gvdb.parse(b"[org/gnome/desktop/session]\nidle-delay=uint32 240\n")
    with pytest.raises(ValueError, match="shorter"):
        gvdb.parse(b"GVariant")


@given(data=st.data())
def test_a_damaged_database_gives_a_value_or_a_value_error(
    data: st.DataObject, damaged_base: bytes
) -> None:
    damaged = bytearray(damaged_base)
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(8, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(damaged)))
    for content in (bytes(damaged), bytes(damaged[:cut])):
        try:
            table = gvdb.parse(content)
            table.value(IDLE)
            table.table(".locks")
        except ValueError:
            pass


@pytest.fixture(scope="module")
def damaged_base(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return compile_database(tmp_path_factory.mktemp("database"), KEYS, [IDLE]).read_bytes()


def test_a_name_that_is_its_own_parent_is_refused(database: bytes) -> None:
    number = struct.Struct("<I")
    (start,), (end,) = number.unpack_from(database, 16), number.unpack_from(database, 20)
    bloom_words, buckets = struct.unpack_from("<II", database, start)
    bloom_words &= gvdb.BLOOM_WORDS
    looped = bytearray(database)
    for item in range(start + 8 + 4 * (bloom_words + buckets), end, 24):
        number.pack_into(looped, item + 4, 0)
    with pytest.raises(ValueError, match="name without an end"):
        gvdb.parse(bytes(looped))
