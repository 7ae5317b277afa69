"""What fdesetup(8) says about FileVault."""

import re
from enum import StrEnum

from passmuster_collectors.host.base import SourceConflictError
from passmuster_collectors.host.commands import Program

# The lines that `fdesetup status` is known to print, one pattern each. A line that none of them
# covers may take back what another one says.
ON = re.compile(r"FileVault is On\.")
OFF = re.compile(r"FileVault is Off(?:\.|, but will be enabled after the next restart\.)")
PROGRESS = re.compile(
    r"(Encryption|Decryption) in progress: (?:Percent completed = [0-9.]+|Pending)\.?"
)
DEFERRED = re.compile(r"Deferred enablement appears to be active(?: for user '.*')?\.")
KEYCHAIN = re.compile(r"FileVault master keychain appears to be installed\.")


class FileVault(StrEnum):
    """The state of FileVault on the disk this Mac started from."""

    ON = "on"
    OFF = "off"
    ENCRYPTING = "encrypting"
    DECRYPTING = "decrypting"


def parse_status(output: bytes) -> FileVault:
    """Return what `fdesetup status` prints.

    Off covers a FileVault that somebody has only agreed to turn on: until then nothing is
    encrypted. Raises `SourceConflictError` for any line beyond those known, and for lines that
    contradict one another.
    """
    lines = [line.strip() for line in output.decode("utf-8", "replace").splitlines()]
    lines = [line for line in lines if line and not KEYCHAIN.fullmatch(line)]
    on = [line for line in lines if ON.fullmatch(line)]
    off = [line for line in lines if OFF.fullmatch(line)]
    deferred = [line for line in lines if DEFERRED.fullmatch(line)]
    progress = [found for line in lines if (found := PROGRESS.fullmatch(line))]
    if len(lines) != len(on) + len(off) + len(deferred) + len(progress):
        raise SourceConflictError(Program.FDESETUP.paths[0], "says something unknown")
    if len(on) + len(off) != 1 or len(progress) > 1 or (deferred and (on or progress)):
        raise SourceConflictError(Program.FDESETUP.paths[0], "contradicts itself")
    if progress:
        is_encrypting = progress[0].group(1) == "Encryption"
        return FileVault.ENCRYPTING if is_encrypting else FileVault.DECRYPTING
    return FileVault.ON if on else FileVault.OFF
