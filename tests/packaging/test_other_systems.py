"""The installers of macOS and Windows, as far as Linux can try them.

The Windows installer is really built, over the files of the Linux agent under the name of the
Windows one: what is tried is the recipe. Nobody has installed either.
"""

import plistlib
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from passmuster_agent.service import launchd
from passmuster_collectors import __version__
from tests.support.package_builds import PACKAGING, build
from tests.support.tools import require_tool

pytestmark = pytest.mark.timeout(600)

MACOS = PACKAGING / "macos"
DEFERRED_AS_SYSTEM = 1024 + 2048
"""msidbCustomActionTypeInScript and NoImpersonate (msidefs.h)."""


@pytest.fixture(scope="module")
def msi(frozen_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    require_tool("wixl")
    out = tmp_path_factory.mktemp("windows")
    agent = out / "agent"
    shutil.copytree(frozen_folder, agent, symlinks=True)
    (agent / "passmuster-agent").rename(agent / "passmuster-agent.exe")
    build("build_msi.py", "--agent", str(agent), "--out", str(out))
    return out / f"passmuster-agent-{__version__}.msi"


def table(msi: Path, name: str) -> dict[str, list[str]]:
    """Return a table's rows by their first column."""
    command = [str(require_tool("msiinfo")), "export", str(msi), name]
    lines = subprocess.check_output(command, text=True).splitlines()[3:]
    return {line.split("\t")[0]: line.rstrip("\r").split("\t")[1:] for line in lines}


class TestWindows:
    def test_every_file_of_the_agent_is_in_it(self, msi: Path) -> None:
        files = [each for each in (msi.parent / "agent").rglob("*") if each.is_file()]
        assert len(table(msi, "File")) == len(files)

    def test_it_is_for_the_computer_and_named_by_its_version(self, msi: Path) -> None:
        properties = {name: value for name, (value, *_) in table(msi, "Property").items()}
        assert properties["ALLUSERS"] == "1"
        assert properties["ProductVersion"] == __version__
        assert properties["MsiHiddenProperties"] == "ENROLMENTCODE", "its value is in no log"

    def test_an_older_version_is_refused_with_a_reason(self, msi: Path) -> None:
        (why,) = table(msi, "LaunchCondition")["NOT WIX_DOWNGRADE_DETECTED"]
        assert why.startswith("A newer Passmuster agent is installed.")

    def test_it_enrols_and_then_starts_the_service_as_the_system_does(self, msi: Path) -> None:
        actions = table(msi, "CustomAction")
        for name in ("Enrol", "StartService", "StopService"):
            assert int(actions[name][0]) & DEFERRED_AS_SYSTEM == DEFERRED_AS_SYSTEM, name
        assert '< "[ENROLMENTCODE]"' in actions["Enrol"][2], "the code goes in by standard input"
        at = {name: int(row[1]) for name, row in table(msi, "InstallExecuteSequence").items()}
        assert at["InstallFiles"] < at["Enrol"] < at["StartService"] < at["InstallFinalize"]
        assert at["InstallInitialize"] < at["StopService"] < at["RemoveFiles"]
        assert at["SetShell"] < at["Enrol"]


class TestMacOs:
    @pytest.fixture(scope="class")
    @classmethod
    def work(cls, frozen_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
        out = tmp_path_factory.mktemp("macos")
        arguments = ("--agent", str(frozen_folder), "--out", str(out), "--dry-run")
        (out / "said").write_text(build("build_pkg.py", *arguments), encoding="utf-8")
        return out

    def test_it_says_in_which_order_it_would_be_built(self, work: Path) -> None:
        said = (work / "said").read_text(encoding="utf-8").splitlines()
        assert [line.split()[0] for line in said] == ["pkgbuild", "productbuild"]

    def test_its_property_lists_start_what_it_installs(self, work: Path) -> None:
        root = work / "macos" / "root"
        for folder, label in (
            ("Library/LaunchDaemons", launchd.LABEL),
            ("Library/LaunchAgents", launchd.COMPANION_LABEL),
        ):
            found = plistlib.loads((root / folder / f"{label}.plist").read_bytes())
            assert found["Label"] == label
            program = root / found["ProgramArguments"][0].lstrip("/")
            assert program.is_file(), "what launchd starts is in the package"

    def test_its_xml_is_well_formed_and_filled(self, work: Path) -> None:
        text = (work / "macos" / "distribution.xml").read_text(encoding="utf-8")
        assert "@" not in text
        versions = [each.get("version") for each in ET.fromstring(text).iter("pkg-ref")]  # noqa: S314 - our own
        assert versions == [None, __version__]
        assert plistlib.loads((MACOS / "entitlements.plist").read_bytes())

    def test_shellcheck_finds_nothing_wrong_with_its_scripts(self) -> None:
        scripts = [str(each) for each in sorted((MACOS / "scripts").iterdir())]
        command = [str(require_tool("shellcheck")), *scripts]
        found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (found.returncode, found.stdout) == (0, "")
