"""`fix SIGNAL`: shows the exact changes that put a signal right, asks, makes them, looks again.

It changes settings of the worker who runs it and nothing else. What needs IT or root is told as
steps.
"""

import time
from collections.abc import Callable, Sequence

from passmuster_agent.advice import advise
from passmuster_agent.collection import DEADLINE_S, AnySignal
from passmuster_agent.errors import AgentError, ExitCode
from passmuster_agent.status_text import printable
from passmuster_collectors.contract import codec
from passmuster_collectors.contract.verdict import Outcome, Remedy
from passmuster_collectors.host.base import Bus, Host, SourceError
from passmuster_collectors.host.commands import Program
from passmuster_collectors.runner import collect
from passmuster_collectors.signals.change import Change

Ask = Callable[[str], bool]
Say = Callable[[str], None]

LIMITS = ("lock_within_s", "within_s")
"""What the limit on time is called in the signals that have changes."""

WRITTEN_WITHIN_S = 15.0
"""xfconfd writes its files five seconds after a change (xfconf-backend-perchannel-xml.c)."""

LOCKED = "IT has locked this setting"
RECONFIGURED = ("org.freedesktop.ScreenSaver", "/ScreenSaver", "org.kde.screensaver", "configure")
"""What kscreenlocker calls to read its file again (org.kde.screensaver.xml)."""


def fix(host: Host, signal: AnySignal, asked_s: int | None, ask: Ask, say: Say) -> ExitCode:
    """Put a signal right as far as a worker may. Raises `AgentError`.

    `asked_s` is how soon the screen has to lock; None is what the default rules ask for.
    """
    outcome, reasons, remedies = _judged(host, signal)
    changer = signal.changers.get(host.platform)
    if changer is None or (asked_s is None and outcome is Outcome.PASS):
        if changer is not None:
            say("Where your organisation asks for less time, name it with --within SECONDS.")
        return _by_hand(outcome, reasons, remedies, say)
    within_s = asked_s or _limit_s(signal)
    try:
        changes = changer(host, within_s)
    except SourceError as error:
        raise AgentError(
            f"The settings of your session could not be read ({error.outcome}).",
            "Run this in your own session, as the user who is logged in.",
        ) from None
    if not changes:
        return _by_hand(outcome, reasons, remedies, say)
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
    if not _kept(lambda: changer(host, within_s)):
        raise AgentError(
            "The settings did not keep the change.", "Change them by hand in your desktop."
        )
    outcome, reasons, remedies = _judged(host, signal)
    say("Changed.")
    return _by_hand(outcome, reasons, remedies, say)


def _kept(left: Callable[[], Sequence[Change]]) -> bool:
    """Whether nothing is left to change, once the desktop has written it down."""
    deadline = time.monotonic() + WRITTEN_WITHIN_S
    while any(not each.locked for each in left()):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def _limit_s(signal: AnySignal) -> int:
    limits = codec.encode(signal.limits())
    return int(next(limits[name] for name in LIMITS if name in limits))


def _make(host: Host, change: Change) -> None:
    try:
        done = host.run(
            change.program, *change.arguments, user=host.uid, environment=change.environment
        )
    except SourceError as error:
        raise AgentError(
            f"{change.setting} could not be changed ({error.outcome}).",
            "Change it by hand in your desktop's settings.",
        ) from None
    if done.status != 0:
        said = printable(done.stderr.decode("utf-8", "replace").strip())[:200]
        raise AgentError(
            f"{change.setting} could not be changed: {said or done.status}.",
            "Change it by hand in your desktop's settings.",
        )
    if change.program is Program.KWRITECONFIG:
        try:
            host.bus_call(Bus.SESSION, *RECONFIGURED)
        except SourceError:
            return  # a Plasma that does not run reads the file when it starts


def _judged(host: Host, signal: AnySignal) -> tuple[Outcome, Sequence[str], Sequence[Remedy]]:
    (reading,) = collect(host, [signal], deadline_s=DEADLINE_S)
    return advise(signal, reading, host.platform)


def _by_hand(
    outcome: Outcome, reasons: Sequence[str], remedies: Sequence[Remedy], say: Say
) -> ExitCode:
    """Tell how things stand, and what is left to do by hand."""
    if outcome in (Outcome.PASS, Outcome.NOT_APPLICABLE):
        say("By the default rules all is in order.")
        return ExitCode.DONE
    for reason in reasons:
        say(printable(reason))
    for remedy in remedies:
        for number, step in enumerate(remedy.steps, start=1):
            say(f"  {number}. {printable(step)}")
        if remedy.link:
            say(f"     {remedy.link}")
    return ExitCode.FAILED
