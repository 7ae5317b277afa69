"""`rotate-key` and `leave` as a person meets them: in the language of their session."""

import io
import re
from collections.abc import Callable, Iterator, Sequence

import pytest

from passmuster_agent import cli
from passmuster_agent.config import Device, State
from passmuster_agent.errors import ExitCode
from passmuster_agent.keystore import tpm_device
from passmuster_agent.leave import KEY_UNSETTLED
from passmuster_agent.rotate_key import GOES_ON
from passmuster_collectors.languages import NAMES, language_of
from tests.support.report_server import HANG_UP, Raw, ReportServer, refusal
from tests.support.software_tpm import SoftwareTpm, software_tpm
from tests.support.worker_texts import english_left

FOREIGN = tuple(tag for tag in NAMES if tag != "en")
DIFFERS = re.compile(r"passmuster-agent: |[A-Z2-7]{4}-[A-Z2-7]{4}-[A-Z2-7]{4}")
"""The command's name, and the letters of a key, which is a new one each time."""

Command = Callable[..., tuple[int, Sequence[str]]]

each_foreign = pytest.mark.parametrize("tag", FOREIGN)


@pytest.fixture
def chip(monkeypatch: pytest.MonkeyPatch) -> Iterator[SoftwareTpm]:
    with software_tpm() as running:
        monkeypatch.setattr(tpm_device, "PATH", running.path)
        yield running


@pytest.fixture
def command(
    state: State,
    enrolled: Device,  # noqa: ARG001 - it is
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Command:
    def command(tag: str, *arguments: str, typed: str = "") -> tuple[int, Sequence[str]]:
        """Run it where the session speaks that language; return the exit code and what was said."""
        asked = "passmuster_agent.session_language.session_language"
        monkeypatch.setattr(asked, lambda: language_of(tag))
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{typed}\n"))
        code = cli.main([*arguments, "--state", str(state.path)])
        said = capsys.readouterr()
        return code, [DIFFERS.sub("", line) for line in (said.out + said.err).splitlines()]

    return command


def expect_in_the_language(english: Sequence[str], told: Sequence[str]) -> None:
    assert english != told
    assert english_left(english, told) == []


@each_foreign
def test_a_new_key_is_told_in_the_language(command: Command, tag: str) -> None:
    code, english = command("en", "rotate-key")
    assert (code, english) == (
        ExitCode.DONE,
        [
            "This laptop's key is now , kept in tier file.",
            "IT sees the change on this laptop's page.",
        ],
    )
    code, told = command(tag, "rotate-key")
    assert code == ExitCode.DONE
    expect_in_the_language(english, told)


@pytest.mark.usefixtures("chip")
def test_a_key_in_another_place_is_told_in_the_language(command: Command) -> None:
    code, told = command("de", "rotate-key", "--tier", "hardware")
    assert (code, told[1]) == (0, "Vorher lag er auf Stufe file, die schwächer ist.")
    code, told = command("es", "rotate-key", "--tier", "file")
    assert (code, told[1]) == (0, "Antes estaba en el nivel hardware, que es más fuerte.")


@each_foreign
@pytest.mark.parametrize(
    ("answer", "ends"),
    [
        (refusal(400, "malformed", "No.", "proof"), ExitCode.NOT_DELIVERED),
        (refusal(401, "revoked", "It is."), ExitCode.REFUSED),
        (HANG_UP, ExitCode.NOT_DELIVERED),
    ],
    ids=["refused", "revoked", "no answer"],
)
def test_why_the_key_is_not_changed_is_told_in_the_language(
    server: ReportServer, command: Command, tag: str, answer: Raw, ends: ExitCode
) -> None:
    server.instead_of_rotations.extend([answer] * 2)
    code, english = command("en", "rotate-key")
    assert code == ends, english
    code, told = command(tag, "rotate-key")
    assert code == ends, told
    expect_in_the_language(
        [line.replace("No. (field proof)", "") for line in english],
        [line.replace("No. (field proof)", "") for line in told],
    )


@each_foreign
def test_leaving_asks_in_the_language_and_takes_the_same_word(
    state: State, enrolled: Device, command: Command, tag: str
) -> None:
    code, english = command("en", "leave", typed="no")
    assert code == ExitCode.FAILED
    assert english[-1] == "Type yes to leave: Nothing has changed."
    code, told = command(tag, "leave", typed="no")
    assert code == ExitCode.FAILED
    assert " yes" in told[-1]
    assert enrolled.owner in told[0]
    expect_in_the_language(english, told)
    assert state.device() == enrolled


@each_foreign
def test_a_server_that_takes_no_goodbye_is_told_in_the_language(command: Command, tag: str) -> None:
    """This one knows no such address."""
    code, english = command("en", "leave", typed="yes")
    assert code == ExitCode.REFUSED, english
    assert "--force" in english[-1]
    code, told = command(tag, "leave", typed="yes")
    assert code == ExitCode.REFUSED, told
    expect_in_the_language(english, told)
    code, told = command(tag, "leave", "--force", typed="yes")
    assert code == ExitCode.DONE
    _, gone = command(tag, "leave")
    language = language_of(tag)
    assert told[-1] == language.say("This laptop is not enrolled any more.")
    assert gone[-1].startswith(language.say("This laptop is not enrolled."))


@each_foreign
def test_what_goes_on_by_itself_is_told_in_the_language(tag: str) -> None:
    language = language_of(tag)
    for sentence in (KEY_UNSETTLED, GOES_ON):
        after_another = language.rendered_each(f"Tell IT. {sentence}")
        assert after_another == f"{language.say('Tell IT.')} {language.say(sentence)}"
