"""What is known of BitLocker where its methods can't be called.

Without an administrator's rights there is the shell's property for the padlock in the Explorer.
Microsoft documents none of its numbers, and the one for "on" does not tell whether protection is
suspended: only bad news is taken from it. With these rights there is the exit status of manage-bde.
"""

from collections.abc import Mapping, Sequence
from functools import partial

from passmuster_collectors.host.base import Host, SourceConflictError
from passmuster_collectors.host.commands import Program
from passmuster_collectors.signals.disk_encryption.facts import State
from passmuster_collectors.signals.inquiry import Inquiry

PROPERTY = "System.Volume.BitLockerProtection"
SHELL_STATES: Mapping[int, State] = {
    2: State.UNENCRYPTED,
    3: State.ENCRYPTING,
    4: State.DECRYPTING,
}
ADMINISTRATOR = 0


def states(host: Host, inquiry: Inquiry, letters: Sequence[str]) -> Mapping[str, State | None]:
    """Return for each drive letter what is known of it; None for nothing."""
    found: dict[str, State | None] = {}
    for letter in letters:
        ask = partial(_by_status if host.uid == ADMINISTRATOR else _by_shell, host, letter)
        found[letter] = inquiry.ask(f"BitLocker {letter}", ask)
    return found


def shell_state(number: int) -> State | None:
    """Return what the shell's number says for certain; None for everything that it may mean."""
    return SHELL_STATES.get(number)


def status_state(status: int) -> State | None:
    """Return what the exit status of `manage-bde -status … -protectionaserrorlevel` says.

    Documented: 0 is protected, which a disk is only when all of it is encrypted; 1 is not, for one
    of several reasons.
    """
    return State.ENCRYPTED if status == 0 else None


def _by_shell(host: Host, letter: str) -> State:
    number = host.shell_number(f"{letter}\\", PROPERTY)
    found = shell_state(number)
    if found is None:
        raise SourceConflictError(PROPERTY, f"{number}: not certain")
    return found


def _by_status(host: Host, letter: str) -> State:
    arguments = ("-status", letter, "-protectionaserrorlevel")
    completed = host.run(Program.MANAGE_BDE, *arguments)
    found = status_state(completed.status)
    # Every language of Windows writes the drive as it was asked for.
    if found is None or letter.encode() not in completed.stdout:
        raise SourceConflictError("manage-bde", f"exit status {completed.status}")
    return found
