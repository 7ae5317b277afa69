"""Asks a service in the network which locked packages have known vulnerabilities.

    build/audit/bin/python packaging/audit.py [--if-it-can-be-asked] [--osv-url URL] [LOCK ...]

It first asks about a version whose vulnerability is long known: who does not know that one knows
nothing of ours, and their silence is no answer. Ends with 1 where a package has one, with 3 where
nobody could be asked; with `--if-it-can-be-asked` the latter is said and is no error. `--osv-url`
names a service that speaks OSV's protocol, in place of the package index's own.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
LOCKS = tuple(REPOSITORY / "locks" / f"{each}.txt" for each in ("runtime", "server", "telemetry"))
KNOWN_TO_BE_BAD = "requests==2.19.0"
"""CVE-2018-18074."""
NOBODY_ASKED = 3


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--if-it-can-be-asked", action="store_true")
    parser.add_argument("--osv-url", default="")
    parser.add_argument("locks", nargs="*", type=Path, metavar="LOCK", default=LOCKS)
    options = parser.parse_args()
    service = ("--vulnerability-service", "osv", "--osv-url", options.osv_url)
    asking = service if options.osv_url else ()
    if not knows(asking):
        print("No service that knows of vulnerabilities could be asked: nothing is known.")
        return 0 if options.if_it_can_be_asked else NOBODY_ASKED
    found = False
    for lock in options.locks:
        print(f"{lock.name}:", flush=True)
        done = pip_audit(*asking, "--strict", "--require-hashes", "--requirement", str(lock))
        found = found or done.returncode != 0
        print(done.stdout + done.stderr, end="")
    return int(found)


def knows(asking: tuple[str, ...]) -> bool:
    """Say whether the service knows a vulnerability that is known."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(f"{KNOWN_TO_BE_BAD}\n")
        file.flush()
        done = pip_audit(*asking, "--no-deps", "--format", "json", "--requirement", file.name)
    try:
        (told,) = json.loads(done.stdout)["dependencies"]
    except ValueError:
        return False
    return bool(told.get("vulns"))


def pip_audit(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pip_audit",
            "--progress-spinner",
            "off",
            "--disable-pip",
            *arguments,
        ],
        capture_output=True,
        text=True,
        check=False,
    )


if __name__ == "__main__":
    sys.exit(main())
