"""`passmuster-agent`: the commands, each a function of the module that owns it.

Our modules are imported by the command that needs them: the resident agent must not load the
libraries of the others.
"""

import argparse
import io
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from passmuster_agent import __version__
from passmuster_agent.errors import AgentError, ExitCode

if TYPE_CHECKING:
    from passmuster_agent.config import State

CODE_TRIES = 3
LONGEST_LINE = 256

EPILOG = """exit codes:
  0  done; `once`: the server's verdict lets this laptop in
  1  something on this laptop is in the way
  2  the command line is wrong
  3  `once`: the verdict keeps this laptop out
  4  `once`: the server can't tell
  5  the server could not be reached; what was read is kept and sent later
  6  this laptop is not enrolled
  7  the server does not accept this laptop or its code
  8  another agent works on the same state directory
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        # Windows writes files in a code page of its own, which lacks most letters and signs.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    if words[:1] == ["reporter"]:
        # The daemon's own child; not a person's command.
        _leave_out_charsets()
        from passmuster_agent import reporter  # noqa: PLC0415 - see the top

        return reporter.main(words[1:])
    if words[:1] in (["run"], ["companion"]) or words[:2] == ["service", "run"]:
        _leave_out_openssl()
    from passmuster_agent.config import State, default_state  # noqa: PLC0415 - see the top

    try:
        if words[:1] == ["root-helper"]:
            # What systemd starts as root; not a person's command either.
            from passmuster_agent import privileged  # noqa: PLC0415 - see the top

            return privileged.main(words[1:])
        options = _parser().parse_args(words)
        state = State(options.state or default_state())
        return int(options.command(state, options))
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


def _leave_out_openssl() -> None:
    """Let `hashlib` use the interpreter's own SHA-256: OpenSSL costs a resident process 3.5 MiB.

    `hashlib` and `hmac` fall back by themselves where the module `_hashlib` can't be imported.
    """
    sys.modules.setdefault("_hashlib", None)  # type: ignore[arg-type] # None means: not to be had


def _leave_out_charsets() -> None:
    """Let `requests` do without the libraries that guess a text's encoding: 4 MiB, and none is.

    It works without one of them and says so in a warning (requests/__init__.py), which is left out.
    """
    import warnings  # noqa: PLC0415 - see the top

    warnings.filterwarnings("ignore", message="Unable to find acceptable character detection")
    for name in ("chardet", "charset_normalizer"):
        sys.modules.setdefault(name, None)  # type: ignore[arg-type] # None means: not to be had


def _enroll(state: "State", options: argparse.Namespace) -> ExitCode:
    from passmuster_agent.enrolment import Request, enroll  # noqa: PLC0415 - see the top

    person = sys.stdin.isatty()
    device = enroll(
        state,
        Request(options.server, options.ca, options.tier, options.replace, options.owner),
        _ask_code,
        print,
        tries=CODE_TRIES if person else 1,
    )
    print(f"Enrolled for {device.owner}. The key is kept in tier {device.tier}.")
    print("Report once with: passmuster-agent once   Keep reporting with: passmuster-agent run")
    return ExitCode.DONE


def _rotate_key(state: "State", options: argparse.Namespace) -> ExitCode:
    from passmuster_agent import keystore  # noqa: PLC0415 - see the top
    from passmuster_agent.rotate_key import rotate_key  # noqa: PLC0415 - see the top

    before = state.device()
    device = rotate_key(state, options.tier, print)
    print(f"This laptop's key is now {device.fingerprint}, kept in tier {device.tier}.")
    if device.tier is not before.tier:
        strength = "stronger" if keystore.is_weaker(device.tier, before.tier) else "weaker"
        print(f"It was in tier {before.tier} before, which is {strength}.")
    print("IT sees the change on this laptop's page.")
    return ExitCode.DONE


def _leave(state: "State", options: argparse.Namespace) -> ExitCode:
    from passmuster_agent.leave import leave  # noqa: PLC0415 - see the top

    device = state.device()
    if not options.yes:
        print(f"This laptop is {device.owner}'s at {device.server_url}. It will open nothing more,")
        print(
            "and its key and what it has not sent yet are deleted. To enrol it anew takes a code."
        )
        print("Type yes to leave: ", end="", flush=True)
        if sys.stdin.readline(LONGEST_LINE).strip() != "yes":
            print("Nothing has changed.")
            return ExitCode.FAILED
    leave(state, print, force=options.force)
    print("This laptop is not enrolled any more.")
    return ExitCode.DONE


def _ask_code() -> str:
    """Return the code that is typed on a terminal or comes as the first line of a pipe."""
    if sys.stdin.isatty():
        print("Code from IT: ", end="", flush=True)
    return sys.stdin.readline(LONGEST_LINE)


def _once(state: "State", options: argparse.Namespace) -> ExitCode:
    from passmuster_agent import status_text  # noqa: PLC0415 - see the top
    from passmuster_agent.once import explain, once  # noqa: PLC0415 - see the top

    outcome = once(state)
    if options.json:
        _print_json(outcome.status)
    else:
        print(
            status_text.render(outcome.status, colour=status_text.wants_colour(sys.stdout)), end=""
        )
    problem = explain(outcome)
    if problem is not None:
        raise problem
    return outcome.exit_code


def _run(state: "State", options: argparse.Namespace) -> ExitCode:
    from passmuster_agent.daemon import run  # noqa: PLC0415 - see the top

    level = logging.DEBUG if options.verbose else logging.INFO
    logging.basicConfig(stream=sys.stderr, level=level, format="%(levelname)s %(message)s")
    return run(state)


def _fix(state: "State", options: argparse.Namespace) -> ExitCode:
    import secrets  # noqa: PLC0415 - see the top

    from passmuster_agent.companion.sight import look  # noqa: PLC0415 - see the top
    from passmuster_agent.fix import Aim, fix  # noqa: PLC0415 - see the top
    from passmuster_agent.status import allowed_s  # noqa: PLC0415 - see the top
    from passmuster_collectors.host import this_host  # noqa: PLC0415 - see the top
    from passmuster_collectors.signals import CATALOG  # noqa: PLC0415 - see the top

    signal = next((each for each in CATALOG if each.id == options.signal), None)
    if signal is None:
        known = ", ".join(each.id for each in CATALOG)
        raise AgentError(f"There is no such signal. The signals are: {known}.", "", ExitCode.USAGE)
    host = this_host(secrets.token_bytes(32))
    try:
        told_s = allowed_s(state, signal.id, look)
    except AgentError as error:
        print(error.problem)
        told_s = None
    aim = Aim(options.within, told_s)
    return fix(host, signal, aim, lambda text: options.yes or _agrees(text), print)


def _confirm(_: "State", options: argparse.Namespace) -> ExitCode:
    from passmuster_agent.companion import meeting  # noqa: PLC0415 - see the top
    from passmuster_agent.confirm import confirm  # noqa: PLC0415 - see the top

    return confirm(meeting.counters(options.socket), _typed, print)


def _typed(question: str) -> str:
    print(question, end="", flush=True)
    return sys.stdin.readline(LONGEST_LINE)


def _agrees(question: str) -> bool:
    return _typed(question).strip().lower() in ("y", "yes")


def _companion(_: "State", options: argparse.Namespace) -> ExitCode:
    from passmuster_agent.companion import start  # noqa: PLC0415 - see the top

    level = logging.DEBUG if options.verbose else logging.INFO
    logging.basicConfig(stream=sys.stderr, level=level, format="%(levelname)s %(message)s")
    return start.run(options.socket)


def _status(state: "State", options: argparse.Namespace) -> ExitCode:
    from passmuster_agent import status_text  # noqa: PLC0415 - see the top
    from passmuster_agent.companion.sight import look  # noqa: PLC0415 - see the top
    from passmuster_agent.status import status  # noqa: PLC0415 - see the top

    # Whoever names a state directory asks about that one.
    found = status(state, look if options.state is None else lambda: None)
    if options.json:
        _print_json(found)
    else:
        print(status_text.render(found, colour=status_text.wants_colour(sys.stdout)), end="")
    return ExitCode.NOT_ENROLLED if found.device is None else ExitCode.DONE


def _show(state: "State", options: argparse.Namespace) -> ExitCode:
    from passmuster_agent import disclosure, status_text  # noqa: PLC0415 - see the top

    found = disclosure.disclose(state)
    if options.json:
        print(disclosure.to_json(found), end="")
    else:
        print(disclosure.render(found, colour=status_text.wants_colour(sys.stdout)), end="")
    return ExitCode.DONE


def _print_json(value: object) -> None:
    import json  # noqa: PLC0415 - see the top

    from passmuster_collectors.contract import codec  # noqa: PLC0415 - see the top

    print(json.dumps(codec.encode(value), indent=2, ensure_ascii=False))


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 30 <= int(text[:6]) <= 86_400):
        raise argparse.ArgumentTypeError("not a number of seconds between 30 and 86400")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    from passmuster_agent.config import default_state  # noqa: PLC0415 - see the top
    from passmuster_agent.keystore import CHOICES  # noqa: PLC0415 - see the top

    parser = argparse.ArgumentParser(
        prog="passmuster-agent",
        description="Reads this laptop's security posture and reports it to your organisation.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"passmuster-agent {__version__}")
    shared = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    shared.add_argument(
        "--state", type=Path, metavar="DIR", help=f"state directory (default: {default_state()})"
    )
    as_json = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    as_json.add_argument("--json", action="store_true", help="print JSON for programs")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    enroll = commands.add_parser(
        "enroll",
        parents=[shared],
        help="make this laptop one of your organisation's, with a code from IT",
        description="The code is asked for, or read from standard input.",
        allow_abbrev=False,
    )
    enroll.add_argument("--server", required=True, metavar="URL", help="the server's address")
    enroll.add_argument(
        "--ca", type=Path, metavar="FILE", help="trust this certificate authority and no other"
    )
    enroll.add_argument(
        "--tier",
        choices=CHOICES,
        default="auto",
        help="where the key is kept (default: the best that works)",
    )
    enroll.add_argument(
        "--owner",
        metavar="EMAIL",
        help="who works with this laptop; needed with a deployment secret",
    )
    enroll.add_argument("--replace", action="store_true", help="enrol anew with a new key")
    enroll.set_defaults(command=_enroll)

    rotate = commands.add_parser(
        "rotate-key",
        parents=[shared],
        help="give this laptop a new key, here or in another tier",
        description="The old key and the new one sign the change. Reports go on.",
        allow_abbrev=False,
    )
    rotate.add_argument(
        "--tier", choices=CHOICES, help="where the new key is kept (default: where the old one is)"
    )
    rotate.set_defaults(command=_rotate_key)

    left = commands.add_parser(
        "leave",
        parents=[shared],
        help="tell the server that this laptop is no longer used, and forget its key",
        description="Stop the service first. The laptop is retired, which lasts.",
        allow_abbrev=False,
    )
    left.add_argument("--yes", action="store_true", help="don't ask")
    left.add_argument(
        "--force", action="store_true", help="forget also where the server can't be told"
    )
    left.set_defaults(command=_leave)

    once = commands.add_parser(
        "once",
        parents=[shared, as_json],
        help="read, report, and print the verdict",
        allow_abbrev=False,
    )
    once.set_defaults(command=_once)

    run = commands.add_parser(
        "run", parents=[shared], help="keep reporting until stopped", allow_abbrev=False
    )
    run.add_argument("--verbose", action="store_true", help="tell more in the log")
    run.set_defaults(command=_run)

    fix = commands.add_parser(
        "fix",
        help="show the exact changes that put a signal right, and make them if you agree",
        description="It changes settings of your own and nothing else. What needs IT or root is "
        "told as steps.",
        allow_abbrev=False,
    )
    fix.add_argument("signal", metavar="SIGNAL", help="such as screen_lock")
    fix.add_argument("--yes", action="store_true", help="do not ask")
    fix.add_argument(
        "--within",
        type=_seconds,
        metavar="SECONDS",
        help="how soon the screen has to lock (default: what your organisation asks for, as far "
        "as the server has told it)",
    )
    fix.set_defaults(command=_fix, state=None)

    companion = commands.add_parser(
        "companion",
        help="run in your session beside the agent: tell it of your screen lock, and notify you",
        description="Your session starts it by itself. It tells the agent of this laptop how your "
        "screen locks, and shows a notification when something has to be fixed.",
        allow_abbrev=False,
    )
    companion.add_argument(
        "--socket", type=Path, metavar="FILE", help="where the agent listens (default: it is found)"
    )
    companion.add_argument("--verbose", action="store_true", help="tell more in the log")
    companion.set_defaults(command=_companion, state=None)

    confirm = commands.add_parser(
        "confirm",
        help="let a browser in that can't reach this laptop, by the number it shows",
        description="Asks for the number, shows what it stands for, and asks whether it is you.",
        allow_abbrev=False,
    )
    confirm.add_argument(
        "--socket", type=Path, metavar="FILE", help="where the agent listens (default: it is found)"
    )
    confirm.set_defaults(command=_confirm, state=None)

    status = commands.add_parser(
        "status",
        parents=[shared, as_json],
        help="show what is found, how it is judged, and how to fix it",
        allow_abbrev=False,
    )
    status.set_defaults(command=_status)

    show = commands.add_parser(
        "show",
        parents=[shared, as_json],
        help="show exactly what would leave this laptop, and why",
        allow_abbrev=False,
    )
    show.set_defaults(command=_show)

    from passmuster_agent.doctor.commands import add_doctor  # noqa: PLC0415 - see the top

    add_doctor(commands, [shared, as_json])
    if sys.platform != "linux":
        from passmuster_agent.service import command_line  # noqa: PLC0415 - Linux has packages

        command_line.add_to(commands, shared)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
