"""Makes a tarball of a frozen agent, for systems without dpkg and rpm.

    .venv/bin/python packaging/build_tarball.py [--agent DIR] [--out DIR] [--version VERSION]

`passmuster-agent-VERSION-linux-MACHINE.tar.gz` holds the files as the packages lay them out, and
the scripts that install and remove them. `--agent` is what packaging/build_agent.py built. The last
line is JSON.
"""

import platform
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from artefacts import MIB, tarball
from linux_layout import NAME, PACKAGING, c_library, filled, lay_out, options_of

from benchmarks.last_line import print_figures

SCRIPTS = PACKAGING / "tarball"


def main() -> None:
    options = options_of(__doc__)
    name = f"{NAME}-{options.version}-linux-{platform.machine()}"
    packed = options.out / f"{name}.tar.gz"
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / name
        lay_out(folder / "root", options.agent)
        major, minor = c_library(options.agent)
        for source in SCRIPTS.iterdir():
            script = folder / source.name
            text = filled(source, C_LIBRARY=f"{major}.{minor}")
            script.write_text(text, encoding="utf-8")
            script.chmod(0o755)
        tarball(folder, packed)
    weight = packed.stat().st_size / MIB
    print(f"{packed}: {weight:.1f} MiB")
    print_figures("build_tarball", tarball_mib=round(weight, 1))


if __name__ == "__main__":
    main()
