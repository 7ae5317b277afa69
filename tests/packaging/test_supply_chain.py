"""What is shipped: its bills of materials, its licences, its checksums and their signature."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from passmuster_collectors import __version__
from tests.support.package_builds import PACKAGING, build
from tests.support.tools import REPOSITORY, require_tool

sys.path.insert(0, str(PACKAGING))

import build_sbom  # type: ignore[import-not-found] # a script, found by the path above
import licences  # type: ignore[import-not-found] # a script, found by the path above

pytestmark = pytest.mark.timeout(600)

LOCKS = REPOSITORY / "locks"


@pytest.fixture(scope="module")
def bills(frozen_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    out = tmp_path_factory.mktemp("bills")
    build("build_sbom.py", "--agent", str(frozen_folder), "--out", str(out))
    names = ("passmuster-agent", "passmuster-server")
    return {name: (out / f"{name}-{__version__}.cdx.json").read_text("utf-8") for name in names}


def components(bill: str) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in json.loads(bill)["components"]}


class TestTheBillsOfMaterials:
    def test_they_are_what_the_schema_of_cyclonedx_allows(self, bills: dict[str, str]) -> None:
        for name, bill in bills.items():
            assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill) is None, name

    def test_the_servers_names_what_its_lock_names(self, bills: dict[str, str]) -> None:
        found = components(bills["passmuster-server"])
        locked = dict(build_sbom.locked(LOCKS / "server.txt"))
        assert {name: each["version"] for name, each in found.items()} == locked

    def test_the_agents_names_what_is_in_the_folder_and_nothing_else(
        self, bills: dict[str, str], frozen_folder: Path
    ) -> None:
        found = components(bills["passmuster-agent"])
        assert {"python", "cryptography", "keyring", "psutil", "requests"} <= set(found)
        assert not set(found) & {"starlette", "sqlalchemy", "pyinstaller", "pytest"}
        libraries = {each.name for each in (frozen_folder / "_internal").glob("lib*.so*")}
        assert libraries - set(found) <= {each for each in libraries if "libpython" in each}

    def test_each_package_has_a_licence(self, bills: dict[str, str]) -> None:
        for bill in bills.values():
            for name, each in components(bill).items():
                assert each.get("licenses") or each["bom-ref"].startswith("library:"), name

    def test_written_again_they_are_the_same(
        self, bills: dict[str, str], frozen_folder: Path, tmp_path: Path
    ) -> None:
        build("build_sbom.py", "--agent", str(frozen_folder), "--out", str(tmp_path))
        for name, bill in bills.items():
            assert (tmp_path / f"{name}-{__version__}.cdx.json").read_text("utf-8") == bill


class TestLicences:
    def test_all_that_is_locked_for_agent_and_server_may_be_shipped(self) -> None:
        wrong = {
            name: licences.licence_of(name)
            for lock in ("runtime.txt", "telemetry.txt")
            for name, _ in build_sbom.locked(LOCKS / lock)
            if not licences.allowed(licences.licence_of(name))
        }
        assert wrong == {}

    @pytest.mark.parametrize(
        ("expression", "may"),
        [
            *[("MIT", True), ("GPL-3.0-only", False), ("", False), ("LicenseRef-Own", False)],
            *[("GPL-3.0-only OR MIT", True), ("GPL-3.0-only AND MIT", False)],
            ("Apache-2.0 WITH LLVM-exception", False),
        ],
    )
    def test_one_of_alternatives_and_each_of_parts_has_to_be_allowed(
        self, expression: str, may: bool
    ) -> None:
        assert licences.allowed(expression) is may


class TestChecksums:
    @pytest.fixture
    def dist(self, server_bundle: Path, tmp_path: Path) -> Path:
        dist = tmp_path / "dist"
        dist.mkdir()
        (built,) = server_bundle.parent.glob("passmuster-server-*.tar.gz")
        shutil.copyfile(built, dist / built.name)
        return dist

    def test_a_file_that_was_changed_is_noticed(self, dist: Path) -> None:
        said = build("checksums.py", "--dist", str(dist))
        assert "is not signed" in said
        check = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
        assert subprocess.run(check, cwd=dist, capture_output=True, check=False).returncode == 0
        (built,) = dist.glob("*.tar.gz")
        built.write_bytes(built.read_bytes() + b"\0")
        assert subprocess.run(check, cwd=dist, capture_output=True, check=False).returncode == 1

    def test_sums_that_somebody_else_has_written_are_noticed(
        self, dist: Path, tmp_path: Path
    ) -> None:
        keygen = str(require_tool("ssh-keygen"))
        key = tmp_path / "key"
        subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        build("checksums.py", "--dist", str(dist), "--key", str(key))
        signers = tmp_path / "allowed_signers"
        public = key.with_suffix(".pub").read_text(encoding="utf-8")
        signers.write_text(f'release namespaces="passmuster-release" {public}')
        verify = [keygen, "-Y", "verify", "-n", "passmuster-release", "-I", "release"]
        verify += ["-f", str(signers), "-s", str(dist / "SHA256SUMS.sig")]
        sums = (dist / "SHA256SUMS").read_bytes()

        def verified(text: bytes) -> bool:
            done = subprocess.run(verify, input=text, capture_output=True, check=False)
            return done.returncode == 0

        assert verified(sums)
        assert not verified(sums.replace(b"a", b"b"))
