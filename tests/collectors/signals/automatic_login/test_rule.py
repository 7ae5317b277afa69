"""Nobody's session opens without a password."""

from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.signals.automatic_login import SIGNAL
from passmuster_collectors.signals.automatic_login.facts import (
    AutomaticLoginFacts,
    Login,
    LoginProgram,
)
from passmuster_collectors.signals.automatic_login.rule import (
    AutomaticLoginLimits,
    Problem,
    judge,
)
from passmuster_collectors.signals.signal import Finding


def findings(*logins: Login) -> tuple[Finding, ...]:
    return judge(AutomaticLoginFacts(logins), AutomaticLoginLimits())


def test_programs_that_ask_for_a_password_pass() -> None:
    asks = (Login(LoginProgram.GDM, False), Login(LoginProgram.TEXT_CONSOLE, False))
    assert findings(*asks) == ()


def test_a_desktop_that_opens_by_itself_fails_and_names_its_program() -> None:
    (found,) = findings(Login(LoginProgram.PLASMA_LOGIN, True))
    assert (found.problem, found.outcome) == (Problem.DESKTOP, Outcome.FAIL)
    assert "plasma login" in SIGNAL.admin_text(found)


def test_a_text_console_that_opens_by_itself_is_a_problem_of_its_own() -> None:
    (found,) = findings(Login(LoginProgram.TEXT_CONSOLE, True))
    assert (found.problem, found.outcome) == (Problem.CONSOLE, Outcome.FAIL)


def test_what_is_not_known_is_told_beside_what_fails() -> None:
    found = findings(Login(LoginProgram.TEXT_CONSOLE, UNKNOWN), Login(LoginProgram.GDM, True))
    assert [each.outcome for each in found] == [Outcome.UNKNOWN, Outcome.FAIL]
