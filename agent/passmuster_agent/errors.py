"""What a person at the terminal gets to see when something is wrong, and what a script gets."""

from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ended. The numbers are stable: scripts and units rely on them."""

    DONE = 0
    """Done; for `once`: the server's verdict lets this laptop in."""

    FAILED = 1
    """Something on this laptop is in the way; the message says what."""

    USAGE = 2
    """The command line is wrong."""

    NON_COMPLIANT = 3
    """`once`: reported, and the verdict keeps this laptop out."""

    VERDICT_UNKNOWN = 4
    """`once`: reported, and the server can't tell."""

    NOT_DELIVERED = 5
    """The server could not be reached or was busy; what was read is kept and sent later."""

    NOT_ENROLLED = 6
    """This laptop has to be enrolled first."""

    REFUSED = 7
    """The server does not accept this laptop: revoked, unknown, or a copied key."""

    ALREADY_RUNNING = 8
    """Another agent works on the same state directory."""


class AgentError(Exception):
    """Something that a person has to do something about.

    `problem` says what is wrong, `remedy` what to do, both in one plain sentence.
    """

    def __init__(self, problem: str, remedy: str, exit_code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(f"{problem} {remedy}".rstrip())
        self.problem = problem
        self.remedy = remedy
        self.exit_code = exit_code


def because(error: OSError) -> str:
    """Return the system's own words for an error, without file names or numbers."""
    return (error.strerror or type(error).__name__).lower()
