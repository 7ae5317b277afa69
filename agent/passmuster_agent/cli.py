"""`passmuster-agent`: from the command line to what was asked for.

What the system starts is recognised here, without the parser that people's commands need: of the
resident agent and its reporter every library counts.
"""

import io
import os
import sys
from collections.abc import Sequence

from passmuster_agent import lean_imports
from passmuster_agent.errors import AgentError, ExitCode


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        # Windows writes files in a code page of its own, which lacks most letters and signs.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    if words[:1] == ["reporter"]:
        # The daemon's own child; not a person's command.
        lean_imports.be_reporter()
        from passmuster_agent import reporter  # noqa: PLC0415 - see the top

        return reporter.main(words[1:])
    if words[:1] in (["run"], ["companion"]) or words[:2] == ["service", "run"]:
        lean_imports.be_resident()
    try:
        return _run(words)
    except AgentError as error:
        print(f"passmuster-agent: {error}", file=sys.stderr)
        return int(error.exit_code)
    except KeyboardInterrupt:
        print("passmuster-agent: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read our output has seen enough; nothing more may be written to it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.FAILED)


def _run(words: Sequence[str]) -> int:
    from pathlib import Path  # noqa: PLC0415 - it imports what a resident process puts off

    from passmuster_agent.commands import resident  # noqa: PLC0415 - see the top
    from passmuster_agent.config import State, default_state  # noqa: PLC0415 - see the top

    match words:
        case ["root-helper", *rest]:
            # What systemd starts as root; not a person's command either.
            from passmuster_agent import privileged  # noqa: PLC0415 - see the top

            return privileged.main(rest)
        case ["run", "--state", folder] if not folder.startswith("-"):
            return int(resident.run(State(Path(folder))))
        case ["companion"]:
            return int(resident.companion())
    from passmuster_agent.commands.parser import parser  # noqa: PLC0415 - see the top

    options = parser().parse_args(words)
    return int(options.command(State(options.state or default_state()), options))


if __name__ == "__main__":
    raise SystemExit(main())
