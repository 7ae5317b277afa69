"""Runs all tests, in the parts that may go on at once.

    python -m tests.parts [--jobs N] [PART...]

A few of the tests wait for real clocks, browsers and kernels, on a machine that other parts keep
busy. So when all parts are through, what failed runs once more, with no other part beside it; what
passes then is named and is no failure. More than `MOST` are not tried again: that is no accident.
Ends with 0 where every test passed, else with 1.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

REPOSITORY = Path(__file__).resolve().parents[1]
CACHE = REPOSITORY / ".pytest_cache"
MOST = 5
PASSED, FAILED = 0, 1
"""Of pytest's exit codes, the two after which every test has run."""


@dataclass(frozen=True)
class Part:
    """Some of the tests, of which no two run at once, and what pytest takes to run them."""

    name: str
    arguments: tuple[str, ...]
    store: str = "sqlite"
    alone: bool = False
    """Whether what it announces of devices is heard by the agents of all other parts."""

    def run(self, cache: Path, *arguments: str) -> int:
        """Run it and return pytest's exit code."""
        remembered = ("-o", f"cache_dir={cache / self.name}")
        return subprocess.run(
            (sys.executable, "-m", "pytest", *remembered, *self.arguments, *arguments),
            env={**os.environ, "PASSMUSTER_TEST_STORE": self.store},
            cwd=REPOSITORY,
            check=False,
        ).returncode

    def failed(self, cache: Path) -> list[str]:
        """Return which tests failed in its last run; none where pytest did not come to its end."""
        try:
            return list(json.loads((cache / self.name / "v/cache/lastfailed").read_bytes()))
        except FileNotFoundError:
            return []


HEARD = ("-m", "heard_by_all")
NOT_HEARD = ("-m", "not heard_by_all")
PARTS = (
    Part("server", ("tests/server", *NOT_HEARD)),
    Part("rest", ("tests", "--ignore", "tests/server", *NOT_HEARD)),
    Part("postgresql", ("tests/server", *NOT_HEARD), store="postgresql"),
    Part("heard", ("tests", *HEARD), alone=True),
    Part("heard-postgresql", ("tests/server", *HEARD), store="postgresql", alone=True),
)


def main() -> int:
    """Run the parts that are named, or all."""
    names = {each.name: each for each in PARTS}
    parser = argparse.ArgumentParser(prog="python -m tests.parts")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="parts that go on at once")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(names))
    options = parser.parse_args()
    unknown = [each for each in options.parts if each not in names]
    if unknown:
        parser.error(f"there is no part {unknown[0]}")
    chosen = [names[each] for each in options.parts] or list(PARTS)
    return run(chosen, options.jobs, CACHE)


def run(parts: Sequence[Part], jobs: int, cache: Path) -> int:
    """Run the parts, `jobs` at once, then once more alone what failed; return the exit code."""

    def first(part: Part) -> tuple[Part, int]:
        shutil.rmtree(cache / part.name, ignore_errors=True)
        print(f"tests: {part.name}", flush=True)
        return part, part.run(cache)

    with ThreadPoolExecutor(jobs) as pool:
        ended = list(pool.map(first, [each for each in parts if not each.alone]))
    ended += [first(each) for each in parts if each.alone]
    again = [(each, each.failed(cache)) for each, code in ended if code != PASSED]
    if any(code not in (PASSED, FAILED) for _, code in ended):
        return FAILED
    if any(not failed for _, failed in again) or sum(len(failed) for _, failed in again) > MOST:
        return FAILED
    codes = [_once_more(each, failed, cache) for each, failed in again]
    return FAILED if any(codes) else PASSED


def _once_more(part: Part, failed: Sequence[str], cache: Path) -> int:
    print(f"tests: {part.name}, once more and alone what failed", flush=True)
    # One that skips itself this time has not passed.
    report = cache / part.name / "once-more.xml"
    code = part.run(
        cache, "--last-failed", "--last-failed-no-failures=none", f"--junit-xml={report}"
    )
    if code != PASSED:
        return code
    suite = ET.parse(report).find("testsuite")  # noqa: S314 - pytest wrote it
    if suite is None or int(suite.attrib["tests"]) - int(suite.attrib["skipped"]) != len(failed):
        return FAILED
    for each in failed:
        print(f"tests: {part.name}: FAILED BESIDE OTHERS, PASSED ALONE: {each}", flush=True)
    return PASSED


if __name__ == "__main__":
    sys.exit(main())
