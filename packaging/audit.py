"""Asks a service in the network which locked packages have known vulnerabilities.

    build/audit/bin/python packaging/audit.py [--if-it-can-be-asked] [--osv-url URL] [LOCK ...]

It first asks about a version whose vulnerability is long known: who does not know that one knows
nothing of ours, and their silence is no answer. Ends with 1 where a package has one, with 3 where
nobody could be asked; with `--if-it-can-be-asked` the latter is said and is no error. A lock that
can't be read ends it with 2, before anybody is asked. `--osv-url` names a service that speaks OSV's
protocol, in place of the package index's own.
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
UNREADABLE, NOBODY_ASKED = 2, 3


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--if-it-can-be-asked", action="store_true")
    parser.add_argument("--osv-url", default="")
    parser.add_argument("locks", nargs="*", type=Path, metavar="LOCK", default=LOCKS)
    options = parser.parse_args()
    for lock in options.locks:
        read = pip_audit("--strict", "--require-hashes", "--dry-run", "--requirement", str(lock))
        if read.returncode != 0:
            print(f"{lock.name} can't be read: {read.stderr}", end="")
            return UNREADABLE
    service = ("--vulnerability-service", "osv", "--osv-url", options.osv_url)
    asking = service if options.osv_url else ()
    if not knows(asking):
        return not_asked(options.if_it_can_be_asked)
    found, answered = False, True
    for lock in options.locks:
        told = about(lock, *asking, "--strict", "--require-hashes")
        answered = answered and told is not None
        print(f"{lock.name}: {'no answer' if told is None else f'{len(told)} packages'}")
        for name, vulnerabilities in (told or {}).items():
            found = found or bool(vulnerabilities)
            for each in vulnerabilities:
                print(f"  {name}: {each}")
    if found:
        return 1
    if not answered:
        return not_asked(options.if_it_can_be_asked)
    return 0


def not_asked(allowed: bool) -> int:
    print("Nobody who knows of vulnerabilities answered for all of it: nothing is known.")
    return 0 if allowed else NOBODY_ASKED


def knows(asking: tuple[str, ...]) -> bool:
    """Return whether the service knows a vulnerability that is known."""
    with tempfile.TemporaryDirectory() as folder:
        known = Path(folder) / "known.txt"
        known.write_text(f"{KNOWN_TO_BE_BAD}\n")
        told = about(known, *asking, "--no-deps")
    return told is not None and any(told.values())


def about(requirements: Path, *arguments: str) -> dict[str, list[str]] | None:
    """Return the vulnerabilities of each package, none left out; None where that is not known.

    pip-audit ends with 1 both where it has found one and where it could not ask: only its JSON,
    which it writes when it has asked for all of them, tells these apart.
    """
    done = pip_audit(*arguments, "--format", "json", "--requirement", str(requirements))
    try:
        packages = json.loads(done.stdout)["dependencies"]
        told = {
            f"{each['name']} {each['version']}": [str(found["id"]) for found in each["vulns"]]
            for each in packages
        }
    except (ValueError, TypeError, KeyError):
        print(done.stderr.strip().rpartition("\n")[2], file=sys.stderr)
        return None
    return told or None


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
