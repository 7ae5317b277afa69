"""The question for known vulnerabilities, put to a service on loopback that speaks OSV's protocol.

Its requests and answers are those of https://google.github.io/osv.dev/post-v1-query/.
"""

import json
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.support.package_builds import PACKAGING
from tests.support.tools import REPOSITORY, missing

PYTHON = REPOSITORY / "build" / "audit" / "bin" / "python"
KNOWN = ("requests", "2.19.0")


class Service(ThreadingHTTPServer):
    """Knows of `vulnerable`: names and versions. Asked for one of `broken` it fails."""

    vulnerable: set[tuple[str, str]]
    broken: set[str]


class Answer(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        package = asked["package"]
        found: dict[str, object] = {}
        if (package["name"], asked["version"]) in self.server.vulnerable:
            found = {
                "vulns": [{"id": "OSV-1", "summary": "Bad.", "affected": [{"package": package}]}]
            }
        body = json.dumps(found).encode()
        self.send_response(500 if package["name"] in self.server.broken else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - inherited
        """Say nothing."""


@pytest.fixture
def service() -> Iterator[Service]:
    if not PYTHON.exists():
        missing("pip-audit is not in build/audit; `make audit` puts it there")
    with Service(("127.0.0.1", 0), Answer) as served:
        served.vulnerable, served.broken = {KNOWN}, set()
        thread = Thread(target=served.serve_forever)
        thread.start()
        yield served
        served.shutdown()
        thread.join()


def audit(service: Service, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    url = f"http://127.0.0.1:{service.server_port}/v1/query"
    command = [PYTHON, PACKAGING / "audit.py", "--osv-url", url, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "locked.txt"
    path.write_text(f"idna==3.10 --hash=sha256:{'0' * 64}\n")
    return path


def test_a_vulnerable_package_is_named_and_ends_the_audit_badly(
    service: Service, lock: Path
) -> None:
    service.vulnerable |= {("idna", "3.10")}
    done = audit(service, lock)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "idna" in done.stdout
    assert "OSV-1" in done.stdout


def test_packages_without_one_pass(service: Service, lock: Path) -> None:
    done = audit(service, lock)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_locked_package_is_asked_about(service: Service) -> None:
    last = (REPOSITORY / "locks" / "runtime.txt").read_text("utf-8").split("==")[-2].split()[-1]
    version = (REPOSITORY / "locks" / "runtime.txt").read_text("utf-8").split("==")[-1].split()[0]
    service.vulnerable |= {(last, version)}
    done = audit(service, REPOSITORY / "locks" / "runtime.txt")
    assert done.returncode == 1, done.stdout + done.stderr
    assert last in done.stdout


def test_the_silence_of_one_who_knows_nothing_is_no_answer(service: Service, lock: Path) -> None:
    service.vulnerable = set()
    done = audit(service, lock)
    assert done.returncode == 3
    assert "nothing is known" in done.stdout
    allowed = audit(service, "--if-it-can-be-asked", lock)
    assert allowed.returncode == 0
    assert "nothing is known" in allowed.stdout


@pytest.mark.parametrize("line", ["idna==3.10", "idna>=3", "!!"])
def test_a_lock_that_can_not_be_read_is_no_pass(service: Service, lock: Path, line: str) -> None:
    lock.write_text(f"{line}\n")
    done = audit(service, "--if-it-can-be-asked", lock)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "locked.txt can't be read: ERROR" in done.stdout
    lock.unlink()
    assert audit(service, "--if-it-can-be-asked", lock).returncode == 2


def test_a_service_that_fails_halfway_has_not_answered(service: Service, lock: Path) -> None:
    service.broken = {"idna"}
    done = audit(service, lock)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "nothing is known" in done.stdout
    assert audit(service, "--if-it-can-be-asked", lock).returncode == 0


def test_what_one_lock_has_is_told_where_another_got_no_answer(
    service: Service, lock: Path, tmp_path: Path
) -> None:
    service.broken = {"idna"}
    service.vulnerable |= {("flask", "0.5")}
    other = tmp_path / "other.txt"
    other.write_text(f"flask==0.5 --hash=sha256:{'0' * 64}\n")
    done = audit(service, "--if-it-can-be-asked", lock, other)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "flask 0.5: OSV-1" in done.stdout
