"""The command line of `passmuster-agent`: its commands, their options and their help."""

import argparse
import sys
from pathlib import Path

from passmuster_agent import __version__
from passmuster_agent.commands import confirm, device, enroll, fix, posture, resident
from passmuster_agent.config import default_state
from passmuster_agent.doctor.commands import add_doctor
from passmuster_agent.keystore import CHOICES

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


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line; `command` is what to call with the state and options."""
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

    enrols = commands.add_parser(
        "enroll",
        parents=[shared],
        help="make this laptop one of your organisation's, with a code from IT",
        description="The code is asked for, or read from standard input. With --sign-in there is "
        "none.",
        allow_abbrev=False,
    )
    enrols.add_argument("--server", required=True, metavar="URL", help="the server's address")
    enrols.add_argument(
        "--ca", type=Path, metavar="FILE", help="trust this certificate authority and no other"
    )
    enrols.add_argument(
        "--tier",
        choices=CHOICES,
        default="auto",
        help="where the key is kept (default: the best that works)",
    )
    enrols.add_argument(
        "--owner",
        metavar="EMAIL",
        help="who works with this laptop: needed with a deployment secret; with --sign-in the "
        "only one who may approve",
    )
    enrols.add_argument(
        "--sign-in",
        action="store_true",
        help="without a code from IT: sign in at your organisation and approve this laptop there",
    )
    enrols.add_argument("--replace", action="store_true", help="enrol anew with a new key")
    enrols.set_defaults(command=enroll.enroll)

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
    rotate.set_defaults(command=device.rotate_key)

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
    left.set_defaults(command=device.leave)

    once = commands.add_parser(
        "once",
        parents=[shared, as_json],
        help="read, report, and print the verdict",
        allow_abbrev=False,
    )
    once.set_defaults(command=posture.once)

    run = commands.add_parser(
        "run", parents=[shared], help="keep reporting until stopped", allow_abbrev=False
    )
    run.add_argument("--verbose", action="store_true", help="tell more in the log")
    run.set_defaults(command=lambda state, options: resident.run(state, verbose=options.verbose))

    mend = commands.add_parser(
        "fix",
        help="show the exact changes that put a signal right, and make them if you agree",
        description="It changes settings of your own and nothing else. What needs IT or root is "
        "told as steps.",
        allow_abbrev=False,
    )
    mend.add_argument("signal", metavar="SIGNAL", help="such as screen_lock")
    mend.add_argument("--yes", action="store_true", help="do not ask")
    mend.add_argument(
        "--within",
        type=_seconds,
        metavar="SECONDS",
        help="how soon the screen has to lock (default: what your organisation asks for, as far "
        "as the server has told it)",
    )
    mend.set_defaults(command=fix.fix, state=None)

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
    companion.set_defaults(
        command=lambda _, options: resident.companion(options.socket, verbose=options.verbose),
        state=None,
    )

    browser = commands.add_parser(
        "confirm",
        help="let a browser in that can't reach this laptop, by the number it shows",
        description="Asks for the number, shows what it stands for, and asks whether it is you.",
        allow_abbrev=False,
    )
    browser.add_argument(
        "--socket", type=Path, metavar="FILE", help="where the agent listens (default: it is found)"
    )
    browser.set_defaults(command=confirm.confirm, state=None)

    status = commands.add_parser(
        "status",
        parents=[shared, as_json],
        help="show what is found, how it is judged, and how to fix it",
        allow_abbrev=False,
    )
    status.set_defaults(command=posture.status)

    show = commands.add_parser(
        "show",
        parents=[shared, as_json],
        help="show exactly what would leave this laptop, and why",
        allow_abbrev=False,
    )
    show.set_defaults(command=posture.show)

    add_doctor(commands, [shared, as_json])
    if sys.platform != "linux":
        from passmuster_agent.service import command_line  # noqa: PLC0415 - Linux has packages

        command_line.add_to(commands, shared)
    return parser


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 30 <= int(text[:6]) <= 86_400):
        raise argparse.ArgumentTypeError("not a number of seconds between 30 and 86400")
    return int(text)
