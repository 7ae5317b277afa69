"""What a signature costs in each tier: time, and the memory of a process that signs one report.

    python -m benchmarks.keystores

The TPM is swtpm, in software: a chip takes many times as long, and this says nothing about it. What
holds for both is that the kernel does the waiting, and that no library for signing is loaded.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.last_line import percentile, print_figures
from passmuster_agent import keystore
from passmuster_agent.keystore import tpm_device
from passmuster_agent.keystore.interface import KeyStoreError
from passmuster_collectors.contract.enrolment import KeyTier
from tests.support.software_tpm import software_tpm

NAME = "0123456789abcdef"
TIERS = (KeyTier.HARDWARE, KeyTier.SEALED, KeyTier.FILE)
PROCESSES = 10

# A process of its own, as the reporter is: the first signature after nothing was loaded.
CHILD = """
import json, re, sys, time
from pathlib import Path
started = time.perf_counter()
from passmuster_agent import keystore
from passmuster_agent.keystore import tpm_device
from passmuster_collectors.contract.enrolment import KeyTier
tpm_device.PATH = Path(sys.argv[3])
keystore.of_tier(KeyTier(sys.argv[1]), Path(sys.argv[2])).sign("0123456789abcdef", b"a report")
took = (time.perf_counter() - started) * 1000
peak = re.search("VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]
print(json.dumps([took, int(peak) / 1024]))
"""


def main() -> int:
    """Print a line for each tier that works here, and the figures as the last line."""
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder, software_tpm() as chip:
        tpm_device.PATH = chip.path
        for tier in TIERS:
            state = Path(folder) / tier.value
            try:
                keystore.make(tier.value, state, NAME)
            except KeyStoreError as error:
                print(f"{tier}: {error}")
                continue
            took, peak = _measured(tier, state, chip.path)
            figures |= {f"{tier}_first_signature_ms": took, f"{tier}_peak_mib": peak}
            print(f"{tier:<9} first signature {took:6.1f} ms   peak {peak:5.1f} MiB")
    print_figures("keystores", **figures)
    return 0


def _measured(tier: KeyTier, state: Path, tpm: Path) -> tuple[float, float]:
    """Return the median time and the largest peak of several processes."""
    command = [sys.executable, "-c", CHILD, tier.value, str(state), str(tpm)]
    found = [
        json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        for _ in range(PROCESSES)
    ]
    times, peaks = [each[0] for each in found], [each[1] for each in found]
    return round(percentile(times, 50), 1), round(max(peaks), 1)


if __name__ == "__main__":
    raise SystemExit(main())
