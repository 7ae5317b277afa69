"""`enroll` as a person meets it: in the language of their session, whatever comes of it."""

import io
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from passmuster_agent import cli, sign_in_approval
from passmuster_agent.commands import spoken
from passmuster_agent.errors import ExitCode
from passmuster_collectors.contract.enrolment import ApprovalStarted
from passmuster_collectors.languages import NAMES, language_of
from tests.support.report_server import CODE, Raw, ReportServer, refusal
from tests.support.worker_texts import english_left

FOREIGN = tuple(tag for tag in NAMES if tag != "en")

Enroll = Callable[..., tuple[int, Sequence[str]]]


@pytest.fixture
def enroll(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Enroll:
    def enroll(tag: str, typed: str, url: str, *options: str) -> tuple[int, Sequence[str]]:
        """Enrol where the session speaks that language; return the exit code and what was said."""
        asked = "passmuster_agent.session_language.session_language"
        monkeypatch.setattr(asked, lambda: language_of(tag))
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{typed}\n"))
        state = str(tmp_path / f"laptop-{tag}")
        code = cli.main(["enroll", "--server", url, "--state", state, *options])
        said = capsys.readouterr()
        told = (said.out + said.err).replace(f"laptop-{tag}", "laptop").splitlines()
        return code, [line for line in told if line]

    return enroll


@pytest.mark.parametrize("tag", FOREIGN)
@pytest.mark.parametrize(
    ("typed", "options", "ends"),
    [
        (CODE, ("--tier", "file"), ExitCode.DONE),
        (CODE, (), ExitCode.DONE),
        ("NO", ("--tier", "file"), ExitCode.REFUSED),
        ("", ("--tier", "file"), ExitCode.REFUSED),
        ("!", ("--tier", "file"), ExitCode.REFUSED),
        (CODE, ("--ca", "/nonexistent/ca.pem"), ExitCode.FAILED),
    ],
    ids=["enrolled", "in the best tier", "wrong code", "no code", "not a code", "no use of --ca"],
)
def test_what_comes_of_it_is_said_in_the_language(
    server: ReportServer,
    enroll: Enroll,
    tag: str,
    typed: str,
    options: Sequence[str],
    ends: ExitCode,
) -> None:
    code, english = enroll("en", typed, server.url, *options)
    assert code == ends, english
    server.used.clear()
    foreign_code, told = enroll(tag, typed, server.url, *options)
    assert foreign_code == ends, told
    assert _words(english) != _words(told)
    assert english_left(_words(english), _words(told)) == []


@pytest.mark.parametrize("tag", FOREIGN)
@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:9", "http://it.example.com", "https://ana@it.example.com", "it.example.com"],
    ids=["nobody there", "not encrypted", "with a name", "none"],
)
def test_a_server_that_is_none_is_said_in_the_language(enroll: Enroll, tag: str, url: str) -> None:
    _, english = enroll("en", CODE, url, "--tier", "file")
    _, told = enroll(tag, CODE, url, "--tier", "file")
    assert english_left(_words(english), _words(told)) == []


def test_a_laptop_that_is_enrolled_already_hears_so_in_the_language(
    server: ReportServer, enroll: Enroll
) -> None:
    assert enroll("de", CODE, server.url, "--tier", "file")[0] == ExitCode.DONE
    server.used.clear()
    code, told = enroll("de", CODE, server.url, "--tier", "file")
    assert code == ExitCode.FAILED
    assert "\n".join(told) == (
        "passmuster-agent: Dieser Laptop ist schon registriert, für ana@example.com bei "
        f"{server.url}. Um ihn neu zu registrieren, fügen Sie --replace hinzu: Sein Schlüssel und "
        "was er noch nicht gesendet hat, werden gelöscht."
    )


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        (refusal(503, "overloaded", "Too many at once."), "Too many at once."),
        (refusal(500, "internal", "It broke. Look at its log."), "It broke. Look at its log."),
        (Raw(502), None),
    ],
    ids=["one sentence", "two sentences", "no words"],
)
def test_that_a_code_is_sent_again_is_said_in_the_language(
    server: ReportServer,
    enroll: Enroll,
    monkeypatch: pytest.MonkeyPatch,
    refused: Raw,
    words: str | None,
) -> None:
    answers, finish = [refused], server.finish
    monkeypatch.setattr(server, "finish", lambda body: answers.pop() if answers else finish(body))
    code, told = enroll("de", CODE, server.url, "--tier", "file")
    assert code == ExitCode.DONE, told
    again = told.index("Der Code wird noch einmal gesendet ...")
    if words is not None:
        assert told[again - 1] == f"Der Server hat abgelehnt: {words}"


@pytest.mark.parametrize("tag", FOREIGN)
@pytest.mark.parametrize("owner", [None, "ana@example.com"])
def test_how_to_approve_it_after_signing_in_is_said_in_the_language(
    tag: str, owner: str | None
) -> None:
    started = ApprovalStarted("secret", "WDJB-MJHT", "https://it.example.com/enroll", 600, 5)
    english = sign_in_approval.told(started, "ABCD-EFGH-JKLM", owner)
    foreign = spoken.in_language(language_of(tag), english)
    assert english_left(english.splitlines(), foreign.splitlines()) == []
    for part in ("https://it.example.com/enroll", "\n    WDJB-MJHT\n", "ABCD-EFGH-JKLM", " 10 "):
        assert part in foreign
    assert (owner or "") in foreign


def _words(lines: Sequence[str]) -> Sequence[str]:
    """Return the lines without commands, which are the same in each language."""
    return [re.sub(r"passmuster-agent(: | [a-z]+)", "", line) for line in lines]
