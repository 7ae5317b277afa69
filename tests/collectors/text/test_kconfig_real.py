"""Cascades of KDE's settings files come to what KDE's own library makes of them."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passmuster_collectors.text import kconfig
from tests.support.tools import require_tool

NAME = "kscreenlockerrc"
KEYS = ("Timeout", "Autolock")

LINES = st.sampled_from(
    [
        "[$i]",
        "[Daemon]",
        "[Daemon][$i]",
        "[Greeter]",
        "[Daemon][Sub]",
        "[broken",
        "# Timeout=9",
        "",
        "nonsense",
        "Timeout=1",
        "Timeout = 2 ",
        "Timeout[$i]=3",
        "Timeout[de]=4",
        "Autolock=false",
        "Autolock[$i]=true",
        "  Autolock=true",
    ]
)
FILES = st.lists(st.lists(LINES, max_size=6).map("\n".join), min_size=1, max_size=3)


def by_kde(folders: list[Path], key: str) -> str | None:
    """Return what `kreadconfig5` says, None for its default; the first folder counts most."""
    own, *shared = folders
    asked = ["--file", NAME, "--group", "Daemon", "--key", key, "--default", "unset"]
    done = subprocess.run(
        [require_tool("kreadconfig5"), *asked],
        env={
            "HOME": str(own),
            "XDG_CONFIG_HOME": str(own),
            "XDG_CONFIG_DIRS": ":".join(str(folder) for folder in shared) or "/nonexistent",
        },
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    found = done.stdout.rstrip("\n")
    return None if found == "unset" else found


def check(texts: list[str], folder: Path) -> None:
    """Compare what both make of a cascade, the file that counts least first."""
    folders = []
    for place, text in enumerate(texts):
        folders.append(folder / str(place))
        folders[-1].mkdir(exist_ok=True)
        (folders[-1] / NAME).write_text(f"{text}\n")
    config = kconfig.merge([kconfig.parse(text.encode()) for text in texts])
    for key in KEYS:
        assert config.value(("Daemon",), key) == by_kde(folders[::-1], key), texts


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(texts=FILES)
def test_any_cascade_comes_to_the_same(texts: list[str], tmp_path: Path) -> None:
    check(texts, tmp_path)


@pytest.mark.parametrize(
    "texts",
    [
        ["[Daemon]\nTimeout=7", "[Daemon]\nTimeout[$d]"],
        ["[Daemon]\nTimeout[$d]\nTimeout=1"],
        ["[Daemon][$i]\nTimeout=7", "[Daemon]\nTimeout[$d]"],
    ],
)
def test_a_deleted_key_is_unset_unless_it_is_locked(texts: list[str], tmp_path: Path) -> None:
    check(texts, tmp_path)
