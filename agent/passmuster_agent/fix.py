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
from passmuster_agent.session_language import session_language
from passmuster_agent.terminal_text import printable
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.verdict import Outcome, Remedy
from passmuster_collectors.host.base import Bus, Host, SourceConflictError, SourceError
from passmuster_collectors.host.commands import Program
from passmuster_collectors.languages import Language
from passmuster_collectors.runner import collect
from passmuster_collectors.signals.change import WORDS, Change

Ask = Callable[[str], bool]
Tell = Callable[[str], None]

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


def fix(
    host: Host,
    signal: AnySignal,
    aim: Aim,
    ask: Ask,
    tell: Tell,
    language: Language | None = None,
) -> ExitCode:
    """Put a signal right as far as a worker may. Raises `AgentError`.

    It speaks the session's language, unless one is named.
    """
    language = language or session_language()
    outcome, reasons, remedies = _judged(host, signal, aim)
    changer = signal.changers.get(host.platform)
    if changer is not None and aim.named_s is None and aim.told_s is not None:
        allowed = language.roughly(aim.told_s)
        tell(language.say("Your organisation allows {time}.", time=allowed))
    if changer is None or (aim.named_s is None and outcome is Outcome.PASS):
        if changer is not None and aim.told_s is None:
            tell(
                language.say(
                    "Where your organisation asks for less time, name it with --within SECONDS."
                )
            )
        return _by_hand(outcome, reasons, remedies, aim, tell, language)
    within_s = aim.within_s or signal.within_s(signal.limits())
    if within_s is None:
        raise ValueError(f"{signal.id} has changes and no limit on time")

    def left() -> Sequence[Change]:
        try:
            return changer(host, within_s)
        except SourceError as error:
            remedy = BY_HAND if isinstance(error, SourceConflictError) else IN_SESSION
            raise AgentError(
                language.say(
                    "The settings of your session could not be read ({why}).",
                    why=language.template(error.outcome.value),
                ),
                language.say(remedy),
            ) from None

    changes = left()
    if not changes:
        return _by_hand(outcome, reasons, remedies, aim, tell, language)
    for each in changes:
        note = f"   ({language.say(LOCKED)})" if each.locked else ""
        before = language.say(each.before) if each.before in WORDS else printable(each.before)
        tell(f"{each.setting}: {before} -> {each.after}{note}")
    mine = [each for each in changes if not each.locked]
    if not mine:
        raise AgentError(
            language.say("IT has locked this setting, and it is not good enough."),
            language.say("Ask IT to change it."),
        )
    if not ask(f"{language.say('Make these changes? [y/N]')} "):
        tell(language.say("Nothing was changed."))
        return ExitCode.FAILED
    for each in mine:
        _make(host, each, language)
    if not _in_use(mine):
        tell(language.say("Sign out and in again: Windows uses the change only then."))
    if not _kept(left):
        raise AgentError(
            language.say("The settings did not keep the change."), language.say(BY_HAND)
        )
    outcome, reasons, remedies = _judged(host, signal, aim)
    tell(language.say("Changed."))
    return _by_hand(outcome, reasons, remedies, aim, tell, language)


def _kept(left: Callable[[], Sequence[Change]]) -> bool:
    """Whether nothing is left to change, once the desktop has written it down."""
    deadline = time.monotonic() + WRITTEN_WITHIN_S
    while any(not each.locked for each in left()):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def _make(host: Host, change: Change, language: Language) -> None:
    # On Windows whoever runs this is all that a program can be run as.
    user = None if host.platform is Platform.WINDOWS else host.uid
    try:
        done = host.run(
            change.program, *change.arguments, user=user, environment=change.environment
        )
    except SourceError as error:
        raise _not_changed(change, language.template(error.outcome.value), language) from None
    if done.status != 0:
        said = printable(done.stderr.decode("utf-8", "replace").strip())[:200]
        raise _not_changed(change, said or str(done.status), language)
    if change.program is Program.KWRITECONFIG:
        try:
            host.bus_call(Bus.SESSION, *RECONFIGURED)
        except SourceError:
            return  # a Plasma that does not run reads the file when it starts


def _not_changed(change: Change, why: str, language: Language) -> AgentError:
    problem = language.say(
        "{setting} could not be changed ({why}).", setting=change.setting, why=why
    )
    return AgentError(problem, language.say(BY_HAND))


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
    outcome: Outcome,
    reasons: Sequence[str],
    remedies: Sequence[Remedy],
    aim: Aim,
    tell: Tell,
    language: Language,
) -> ExitCode:
    """Tell how things stand, and what is left to do by hand."""
    if outcome in (Outcome.PASS, Outcome.NOT_APPLICABLE):
        tell(
            language.say("By the default rules all is in order.")
            if aim.within_s is None
            else language.say("By a limit of {seconds} s all is in order.", seconds=aim.within_s)
        )
        return ExitCode.DONE
    for reason in reasons:
        tell(printable(language.rendered(reason)))
    for remedy in remedies:
        for number, step in enumerate(remedy.steps, start=1):
            tell(f"  {number}. {printable(language.rendered(step))}")
        if remedy.link:
            tell(f"     {remedy.link}")
    return ExitCode.FAILED
