"""KDE's settings files and how they come together."""

import pytest

from passmuster_collectors.text import kconfig
from passmuster_collectors.text.kconfig import Config, File

DAEMON = ("Daemon",)


def files(*texts: str) -> list[File]:
    return [kconfig.parse(text.encode()) for text in texts]


def cascade(*texts: str) -> Config:
    """Return what files come to, the one that counts least first."""
    return kconfig.merge(files(*texts))


def test_the_last_file_counts() -> None:
    assert (
        cascade("[Daemon]\nTimeout=5\n", "[Daemon]\nTimeout=30\n").value(DAEMON, "Timeout") == "30"
    )


def test_a_key_of_another_group_is_another_key() -> None:
    assert cascade("[Greeter]\nTimeout=5\n").value(DAEMON, "Timeout") is None


def test_subgroups_are_groups_of_their_own() -> None:
    config = cascade("[AC][SuspendSession]\nidleTime=900\n[AC]\nicon=x\n")
    assert config.value(("AC", "SuspendSession"), "idleTime") == "900"
    assert config.value(("AC",), "idleTime") is None


@pytest.mark.parametrize(
    "locked",
    [
        "[$i]\n[Daemon]\nTimeout=5\n",
        "[Daemon][$i]\nTimeout=5\n",
        "[Daemon]\nTimeout[$i]=5\n",
        "[Daemon]\nTimeout[$ie]=5\n",
    ],
    ids=["the file", "the group", "the key", "the key, with a second mark"],
)
def test_what_is_locked_stays_and_says_so(locked: str) -> None:
    config = cascade(locked, "[Daemon]\nTimeout=60\n")
    assert config.value(DAEMON, "Timeout") == "5"
    assert config.is_locked(DAEMON, "Timeout")


def test_a_locked_key_leaves_its_neighbours_free() -> None:
    config = cascade("[Daemon]\nTimeout[$i]=5\n", "[Daemon]\nAutolock=false\n")
    assert config.value(DAEMON, "Autolock") == "false"
    assert not config.is_locked(DAEMON, "Autolock")


def test_a_locked_group_shuts_out_keys_that_it_does_not_set() -> None:
    config = cascade("[Daemon][$i]\nTimeout=5\n", "[Daemon]\nAutolock=false\n")
    assert config.value(DAEMON, "Autolock") is None


def test_a_locked_file_shuts_out_its_own_cascade_only() -> None:
    shared = files("[$i]\n[KDE]\nanimation=0\n", "[Daemon]\nTimeout=1\n")
    config = kconfig.merge(shared, files("[Daemon]\nTimeout=7\n"))
    assert config.value(DAEMON, "Timeout") == "7"
    assert not config.is_locked(DAEMON, "Timeout")


def test_a_text_in_another_language_is_not_the_value() -> None:
    assert cascade("[Daemon]\nName[de]=Sperre\n").value(DAEMON, "Name") is None


def test_comments_spaces_and_broken_lines_are_passed_over() -> None:
    config = cascade("# a\n\n  [Daemon]  \n# Timeout=1\n[broken\n  Timeout = 8 \nnonsense\n")
    assert config.value(DAEMON, "Timeout") == "8"


@pytest.mark.parametrize("content", [b"\xff\xfe[\0D", b"[Daemon]\nTimeout=5\0\n"])
def test_what_is_no_text_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        kconfig.parse(content)


@pytest.mark.parametrize(
    ("text", "value"),
    [("false", False), ("OFF", False), ("0", False), ("no", False), ("true", True), ("1", True)],
)
def test_truth_values_are_read_as_kconfig_reads_them(text: str, value: bool) -> None:
    assert kconfig.truth(text) is value


@pytest.mark.parametrize("text", ["", "five", "nan", "inf", "1e300"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        kconfig.number(text)
