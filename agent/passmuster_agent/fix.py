"""`fix SIGNAL`: shows the exact changes that put a signal right, asks, makes them, looks again.

It changes settings of the worker who runs it and nothing else. What needs IT or root is told as
steps.
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from passmuster_agent.advice import advise
from passmuster_agent.collection import DEADLINE_S, AnySignal
from passmuster_agent.errors import AgentError, ExitCode
from passmuster_agent.terminal_text import printable
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.verdict import Outcome, Remedy
from passmuster_collectors.host.base import Bus, Host, SourceConflictError, SourceError
from passmuster_collectors.host.commands import Program
from passmuster_collectors.runner import collect
from passmuster_collectors.signals.change import Change
from passmuster_collectors.text import durations

Ask = Callable[[str], bool]
Say = Callable[[str], None]

WRITTEN_WITHIN_S = 15.0
"""xfconfd writes its files five seconds after a change (xfconf-backend-perchannel-xml.c)."""

BY_HAND = "Change it by hand in your desktop's settings."
IN_SESSION = "Run this in your own session, as the user who is logged in."
LOCKED = "IT has locked this setting"
RECONFIGURED = ("org.freedesktop.ScreenSaver", "/ScreenSaver", "org.kde.screensaver", "configure")
"""What kscreenlocker calls to read its file again (org.kde.screensaver.xml)."""


@dataclass(frozen=True)
class Aim:
    """How soon the screen has to lock, in seconds: what a person named, what the server told.

    None where nobody said so; without either it is what the default rules ask for.
    """

    named_s: int | None
    told_s: int | None

    @property
    def within_s(self) -> int | None:
        """What counts of the two."""
        return self.named_s or self.told_s


def fix(host: Host, signal: AnySignal, aim: Aim, ask: Ask, say: Say) -> ExitCode:
    """Put a signal right as far as a worker may. Raises `AgentError`."""
    outcome, reasons, remedies = _judged(host, signal, aim)
    changer = signal.changers.get(host.platform)
    if changer is not None and aim.named_s is None and aim.told_s is not None:
        say(f"Your organisation allows {durations.roughly(aim.told_s)}.")
    if changer is None or (aim.named_s is None and outcome is Outcome.PASS):
        if changer is not None and aim.told_s is None:
            say("Where your organisation asks for less time, name it with --within SECONDS.")
        return _by_hand(outcome, reasons, remedies, aim, say)
    within_s = aim.within_s or signal.within_s(signal.limits())
    if within_s is None:
        raise ValueError(f"{signal.id} has changes and no limit on time")

    def left() -> Sequence[Change]:
        try:
            return changer(host, within_s)
        except SourceError as error:
            raise AgentError(
                f"The settings of your session could not be read ({error.outcome}).",
                BY_HAND if isinstance(error, SourceConflictError) else IN_SESSION,
            ) from None

    changes = left()
    if not changes:
        return _by_hand(outcome, reasons, remedies, aim, say)
    for each in changes:
        note = f"   ({LOCKED})" if each.locked else ""
        say(f"{each.setting}: {printable(each.before)} -> {each.after}{note}")
    mine = [each for each in changes if not each.locked]
    if not mine:
        raise AgentError(f"{LOCKED}, and it is not good enough.", "Ask IT to change it.")
    if not ask("Make these changes? [y/N] "):
        say("Nothing was changed.")
        return ExitCode.FAILED
    for each in mine:
        _make(host, each)
    if not _in_use(mine):
        say("Sign out and in again: Windows uses the change only then.")
    if not _kept(left):
        raise AgentError(
            "The settings did not keep the change.", "Change them by hand in your desktop."
        )
    outcome, reasons, remedies = _judged(host, signal, aim)
    say("Changed.")
    return _by_hand(outcome, reasons, remedies, aim, say)


def _kept(left: Callable[[], Sequence[Change]]) -> bool:
    """Whether nothing is left to change, once the desktop has written it down."""
    deadline = time.monotonic() + WRITTEN_WITHIN_S
    while any(not each.locked for each in left()):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def _make(host: Host, change: Change) -> None:
    # On Windows whoever runs this is all that a program can be run as.
    user = None if host.platform is Platform.WINDOWS else host.uid
    try:
        done = host.run(
            change.program, *change.arguments, user=user, environment=change.environment
        )
    except SourceError as error:
        raise AgentError(
            f"{change.setting} could not be changed ({error.outcome}).",
            BY_HAND,
        ) from None
    if done.status != 0:
        said = printable(done.stderr.decode("utf-8", "replace").strip())[:200]
        raise AgentError(
            f"{change.setting} could not be changed: {said or done.status}.",
            BY_HAND,
        )
    if change.program is Program.KWRITECONFIG:
        try:
            host.bus_call(Bus.SESSION, *RECONFIGURED)
        except SourceError:
            return  # a Plasma that does not run reads the file when it starts


def _in_use(made: Sequence[Change]) -> bool:
    """Have Windows use what was written into its registry; return whether it does."""
    written = {
        each.setting.rpartition(" ")[2]: each.after for each in made if each.program is Program.REG
    }
    if not written or sys.platform != "win32":
        return True
    from passmuster_agent.windows import screen_saver  # noqa: PLC0415 - Windows alone needs it
    from passmuster_collectors.host.dll import load  # noqa: PLC0415 - as above

    try:
        return screen_saver.take_over(load(*screen_saver.FUNCTIONS), written)
    except OSError:
        return False


def _judged(
    host: Host, signal: AnySignal, aim: Aim
) -> tuple[Outcome, Sequence[str], Sequence[Remedy]]:
    (reading,) = collect(host, [signal], deadline_s=DEADLINE_S)
    return advise(signal, reading, host.platform, aim.within_s)


def _by_hand(
    outcome: Outcome, reasons: Sequence[str], remedies: Sequence[Remedy], aim: Aim, say: Say
) -> ExitCode:
    """Tell how things stand, and what is left to do by hand."""
    if outcome in (Outcome.PASS, Outcome.NOT_APPLICABLE):
        by = "the default rules" if aim.within_s is None else f"a limit of {aim.within_s} s"
        say(f"By {by} all is in order.")
        return ExitCode.DONE
    for reason in reasons:
        say(printable(reason))
    for remedy in remedies:
        for number, step in enumerate(remedy.steps, start=1):
            say(f"  {number}. {printable(step)}")
        if remedy.link:
            say(f"     {remedy.link}")
    return ExitCode.FAILED
