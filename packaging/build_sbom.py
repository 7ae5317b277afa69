"""Writes what agent and server consist of: two software bills of materials, CycloneDX 1.6 in JSON.

    .venv/bin/python packaging/build_sbom.py [--agent DIR] [--out DIR]

The server's tells what locks/server.txt names. The agent's tells what really is in the frozen
folder `--agent`: its Python, the packages whose modules or libraries are there, and the system's
libraries, each of these with its SHA-256. It ends with a message for a licence that is not allowed.
"""

import argparse
import hashlib
import re
import sys
import sysconfig
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import licences
import third_party
from artefacts import REPOSITORY, commit_time
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from benchmarks.last_line import print_figures
from passmuster_collectors import __version__

NAMESPACE = uuid.UUID("6c9b8bd6-7c0c-4c06-9b8f-0a3a55b9b9f5")
"""Of our serial numbers, so that the same content has the same one."""


def locked(lock: Path) -> list[tuple[str, str]]:
    """Return the names and versions in a lock."""
    return re.findall(r"(?m)^([\w.-]+)==([^\s;\\]+)", lock.read_text("utf-8"))


def package(name: str, version: str) -> Component:
    """Return a Python package. Raises `SystemExit` where its licence is not an allowed one."""
    expression = licences.licence_of(name)
    if not licences.allowed(expression):
        raise SystemExit(
            f"{name} {version}: the licence {expression or 'nobody told'} is not allowed"
        )
    purl = PackageURL("pypi", None, name.lower(), version)
    return Component(
        name=name,
        version=version,
        bom_ref=purl.to_string(),
        purl=purl,
        licenses=[LicenseFactory().make_from_string(expression)],
    )


def python() -> Component:
    """Return the Python that the agent brings."""
    version = sys.version.split()[0]
    purl = PackageURL("generic", None, "python", version)
    return Component(
        name="python",
        version=version,
        bom_ref=purl.to_string(),
        purl=purl,
        licenses=[LicenseFactory().make_with_id("PSF-2.0")],
    )


def library(path: Path) -> Component:
    """Return a shared library of the building machine's system."""
    owner, version = third_party.package_of(path.name)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Component(
        name=path.name,
        version=version or None,
        bom_ref=f"library:{path.name}",
        purl=PackageURL("deb", "debian", owner, version) if owner else None,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)],
    )


def agents(folder: Path) -> list[Component]:
    """Return what the frozen folder holds."""
    libraries = folder / "_internal"
    own = str(sysconfig.get_config_var("INSTSONAME"))
    found = third_party.distributions(folder / "passmuster-agent", libraries)
    return [
        python(),
        *(package(each.name, each.version) for each in found),
        *(library(each) for each in sorted(libraries.glob("lib*.so*")) if each.name != own),
    ]


def servers() -> list[Component]:
    """Return what the server's lock names."""
    return [package(*each) for each in locked(REPOSITORY / "locks" / "server.txt")]


def bill(name: str, components: Iterable[Component]) -> str:
    """Return the bill as JSON; the same components on the same commit give the same text."""
    bom = Bom(components=components)
    root = Component(
        name=name,
        version=__version__,
        type=ComponentType.APPLICATION,
        bom_ref=name,
        licenses=[LicenseFactory().make_with_id("Apache-2.0")],
    )
    bom.metadata.component = root
    bom.metadata.timestamp = datetime.fromtimestamp(int(commit_time()), UTC)
    bom.register_dependency(root, bom.components)
    bom.serial_number = uuid.uuid5(NAMESPACE, f"{name} {__version__} {commit_time()}")
    return JsonV1Dot6(bom).output_as_string(indent=1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    dist = REPOSITORY / "dist"
    parser.add_argument("--agent", type=Path, default=dist / "passmuster-agent")
    parser.add_argument("--out", type=Path, default=dist, help="default: dist")
    options = parser.parse_args()
    counts = {}
    for name, components in (
        ("passmuster-agent", agents(options.agent)),
        ("passmuster-server", servers()),
    ):
        path = options.out / f"{name}-{__version__}.cdx.json"
        path.write_text(bill(name, components), encoding="utf-8")
        counts[name.rpartition("-")[2]] = len(components)
        print(f"{path}: {len(components)} components")
    print_figures("build_sbom", **counts)


if __name__ == "__main__":
    main()
