"""Makes the Windows installer of a frozen agent with `wixl`: passmuster-agent-VERSION.msi.

    .venv/bin/python packaging/build_msi.py --agent DIR [--out DIR]

`--agent` is what packaging/build_agent.py built on Windows. `wixl` is Debian's (package wixl) and
runs on Linux. The MSI is to be signed with `signtool` before it is given to anybody. No Windows has
installed one yet. The last line is JSON.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path
from xml.etree import ElementTree as ET

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from artefacts import MIB, REPOSITORY

from benchmarks.last_line import print_figures
from passmuster_collectors import __version__

RECIPE = REPOSITORY / "packaging" / "windows" / "agent.wxs"
NAME = "passmuster-agent"
WIX = "http://schemas.microsoft.com/wix/2006/wi"
COMPONENTS = uuid.UUID("0f5e1f0a-3d5c-4f6e-9a57-6f0f6a3f7d11")
"""Each file's component is named by its path below this, so that upgrades know it again."""


def fragment(agent: Path) -> ET.Element:
    """Return a component for each file of the folder, in folders as they are."""
    wix = ET.Element("Wix", xmlns=WIX)
    root = ET.SubElement(ET.SubElement(wix, "Fragment"), "DirectoryRef")
    root.set("Id", "INSTALLDIR")
    group = ET.SubElement(ET.SubElement(wix, "Fragment"), "ComponentGroup")
    group.set("Id", "AgentFiles")
    folders = {agent: root}
    for number, path in enumerate(sorted(agent.rglob("*"))):
        parent = folders[path.parent]
        if path.is_dir():
            folder = ET.SubElement(parent, "Directory", Id=f"d{number}", Name=path.name)
            folders[path] = folder
            continue
        guid = str(uuid.uuid5(COMPONENTS, path.relative_to(agent).as_posix())).upper()
        component = ET.SubElement(parent, "Component", Id=f"c{number}", Guid=guid)
        component.set("Win64", "yes")
        ET.SubElement(
            component,
            "File",
            # The recipe's actions run this one.
            Id="Program" if path.name == f"{NAME}.exe" else f"f{number}",
            Name=path.name,
            Source=f"agent/{path.relative_to(agent).as_posix()}",
            KeyPath="yes",
        )
        ET.SubElement(group, "ComponentRef", Id=f"c{number}")
    return wix


def numbers(version: str) -> str:
    """Return the three numbers that Windows Installer compares (Property/ProductVersion)."""
    found = re.match(r"\d+\.\d+\.\d+", version)
    if found is None:
        raise SystemExit(f"{version} does not begin with three numbers.")
    return found[0]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--agent", type=Path, required=True, help="frozen on Windows")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "dist", help="default: dist")
    parser.add_argument("--version", default=__version__, help=f"default: {__version__}")
    options = parser.parse_args()
    if shutil.which("wixl") is None:
        raise SystemExit("wixl is not installed; on Debian its package is wixl.")
    if not (options.agent / f"{NAME}.exe").is_file():
        raise SystemExit(f"There is no {NAME}.exe in {options.agent}; Windows freezes one.")
    msi = options.out.resolve() / f"{NAME}-{options.version}.msi"
    with tempfile.TemporaryDirectory() as temporary:
        # Sources are named from the folder that the recipes are in.
        work = Path(temporary)
        (work / "agent").symlink_to(options.agent.resolve())
        recipe, files = work / RECIPE.name, work / "files.wxs"
        shutil.copyfile(RECIPE, recipe)
        ET.ElementTree(fragment(options.agent.resolve())).write(files, "utf-8")
        define = f"Version={numbers(options.version)}"
        command = ["wixl", "--arch", "x64", "-D", define, "-o", str(msi), str(recipe), str(files)]
        subprocess.run(command, check=True, cwd=work)
    weight = msi.stat().st_size / MIB
    print(f"{msi}: {weight:.1f} MiB")
    print_figures("build_msi", msi_mib=round(weight, 1))


if __name__ == "__main__":
    main()
