"""What starts the companion in a session: a user unit, or an autostart entry and never both."""

import configparser
import os
import subprocess
from pathlib import Path

from tests.support.tools import REPOSITORY, require_tool

UNIT = REPOSITORY / "packaging" / "systemd" / "user" / "passmuster-companion.service"
ENTRY = REPOSITORY / "packaging" / "autostart" / "passmuster-companion.desktop"
COMMAND = "/usr/bin/passmuster-agent companion"


def parsed(path: Path) -> configparser.ConfigParser:
    found = configparser.ConfigParser(interpolation=None, strict=False)
    found.optionxform = str  # type: ignore[method-assign,assignment] # keys keep their case
    found.read(path, encoding="utf-8")
    return found


def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    text = UNIT.read_text(encoding="utf-8").replace("/usr/bin/passmuster-agent", "/bin/true")
    (tmp_path / UNIT.name).write_text(text)
    found = subprocess.run(
        [require_tool("systemd-analyze"), "verify", "--user", str(tmp_path / UNIT.name)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
    )
    assert (found.returncode, found.stderr) == (0, "")


def test_it_runs_with_the_desktop_and_ends_with_it() -> None:
    unit = parsed(UNIT)
    assert unit["Service"]["ExecStart"] == COMMAND
    assert unit["Install"]["WantedBy"] == "graphical-session.target"
    assert unit["Unit"]["PartOf"] == "graphical-session.target"
    assert unit["Service"]["NoNewPrivileges"] == "yes"
    assert unit["Service"]["RestrictAddressFamilies"] == "AF_UNIX AF_INET", "127.0.0.1 alone"


def test_the_autostart_entry_stays_out_of_the_way_where_systemd_starts_it() -> None:
    entry = parsed(ENTRY)["Desktop Entry"]
    assert entry["Exec"] == COMMAND
    assert entry["X-systemd-skip"] == "true"
    assert entry["X-GNOME-HiddenUnderSystemd"] == "true"
