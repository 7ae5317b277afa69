"""Writes SHA256SUMS over what was built, and signs it: SHA256SUMS.sig.

    .venv/bin/python packaging/checksums.py [--dist DIR] [--key FILE]

`--key` is a private key that `ssh-keygen` can sign with, also one in a security key or an agent.
Whoever downloads checks both; docs/releases.md says how. Without a key nothing is signed, which is
said. The last line is JSON.
"""

import argparse
import hashlib
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from artefacts import REPOSITORY

from benchmarks.last_line import print_figures

SUMS = "SHA256SUMS"
NAMESPACE = "passmuster-release"
"""What the signature is for: one made for something else does not count (PROTOCOL.sshsig)."""


def digests(dist: Path) -> str:
    """Return a line for each file in `dist` itself, in the form that `sha256sum --check` reads."""
    files = sorted(
        each for each in dist.iterdir() if each.is_file() and not each.name.startswith(SUMS)
    )
    if not files:
        raise SystemExit(f"There is nothing in {dist}; make packages builds it.")
    return "".join(
        f"{hashlib.sha256(each.read_bytes()).hexdigest()}  {each.name}\n" for each in files
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dist", type=Path, default=REPOSITORY / "dist", help="default: dist")
    parser.add_argument("--key", type=Path, help="the private key to sign with")
    options = parser.parse_args()
    sums = options.dist / SUMS
    text = digests(options.dist)
    sums.write_text(text, encoding="utf-8")
    (options.dist / f"{SUMS}.sig").unlink(missing_ok=True)
    if options.key is not None:
        command = ["ssh-keygen", "-Y", "sign", "-q", "-n", NAMESPACE, "-f", str(options.key)]
        subprocess.run([*command, str(sums)], check=True)
    else:
        print(f"{sums} is not signed: no --key was given.")
    print_figures("checksums", files=len(text.splitlines()), signed=options.key is not None)


if __name__ == "__main__":
    main()
