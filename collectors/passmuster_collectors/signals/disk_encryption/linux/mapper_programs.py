"""What sysfs does not tell of encrypting devices: their ciphers, and changes under way.

Anybody may read in `/proc/crypto` which ciphers are in use; dmsetup and cryptsetup tell more, and
answer to root alone.
"""

from collections.abc import Collection

from passmuster_collectors.host.base import (
    Host,
    SourceConflictError,
    SourceDeniedError,
    SourceError,
    SourceMissingError,
)
from passmuster_collectors.host.commands import Program
from passmuster_collectors.signals.disk_encryption.facts import State
from passmuster_collectors.signals.disk_encryption.linux import device_mapper
from passmuster_collectors.signals.disk_encryption.linux.evidence import Evidence, if_there

ALGORITHMS = "/proc/crypto"
RELEASE = "/proc/sys/kernel/osrelease"


class MapperPrograms:
    """What can be found out about the encrypting devices of one machine."""

    def __init__(self, host: Host, evidence: Evidence) -> None:
        self._host = host
        self._evidence = evidence
        self._tables: dict[str, device_mapper.Table] | None = None
        self._asked = False

    def table(self, mapper_name: str) -> device_mapper.Table | None:
        """Return the table of a mapped device; None where no table can be read.

        Raises `SourceError` where this one's table alone is not there.
        """
        if not self._asked:
            self._asked = True
            self._tables = self._read_tables()
        if self._tables is None:
            return None
        if mapper_name not in self._tables:
            raise SourceConflictError(Program.DMSETUP.paths[0], "a mapped device without a table")
        return self._tables[mapper_name]

    def _read_tables(self) -> dict[str, device_mapper.Table] | None:
        try:
            # Never with --showkeys. Names as the kernel has them, as sysfs shows them too.
            output = self._printed(Program.DMSETUP, "table", "--manglename", "none")
            return device_mapper.parse_tables(output)
        except SourceMissingError as error:
            self._evidence.passed_over(error)
        except SourceDeniedError as error:
            # Ordinary users may not ask; of root it is odd.
            note = self._evidence.refused if self._host.uid == 0 else self._evidence.passed_over
            note(error)
        except SourceError as error:
            self._evidence.refused(error)
        return None

    def rule_out_null_cipher(self) -> None:
        """Raise `SourceError` unless nothing here uses the cipher that does nothing."""
        try:
            release = if_there(lambda: self._host.read_file(RELEASE, limit=256)) or b""
            in_use = device_mapper.null_cipher_is_in_use(self._host.read_file(ALGORITHMS), release)
        except device_mapper.AlgorithmsError as error:
            raise SourceConflictError(ALGORITHMS, str(error)) from None
        if in_use:
            raise SourceConflictError(ALGORITHMS, "something uses a cipher that does nothing")
        self._evidence.read(ALGORITHMS)

    def change(self, names: Collection[str]) -> State:
        """Return which way the encryption of a device is being changed in place.

        `names` are the devices below it; the one that there must be has the header. Raises
        `SourceError`.
        """
        program = Program.CRYPTSETUP
        if len(names) != 1:
            raise SourceConflictError(program.paths[0], "no single device with a header")
        path = "/dev/" + next(iter(names)).replace("!", "/")
        state = device_mapper.parse_change(
            self._printed(program, "luksDump", "--dump-json-metadata", path)
        )
        if state is None:
            raise SourceConflictError(program.paths[0], "no change in a header that has one")
        return state

    def _printed(self, program: Program, *arguments: str) -> bytes:
        completed = self._host.run(program, *arguments)
        name = program.paths[0]
        if completed.status != 0:
            detail = f"exit status {completed.status}"
            refusal = SourceConflictError if self._host.uid == 0 else SourceDeniedError
            raise refusal(name, detail)
        self._evidence.read(name)
        return completed.stdout
