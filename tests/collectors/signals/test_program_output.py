"""Outputs in the shapes that are made for other programs, and how a reading keeps book of them."""

import pytest

from passmuster_collectors.contract.reading import SourceOutcome
from passmuster_collectors.host.answers import Completed
from passmuster_collectors.host.base import (
    SourceConflictError,
    SourceDeniedError,
    SourceMissingError,
)
from passmuster_collectors.host.commands import Program
from passmuster_collectors.signals.inquiry import Inquiry
from passmuster_collectors.signals.program_output import (
    parsed_json,
    plist_file,
    printed_plist,
    succeeded,
)
from tests.support.recorded_host import RecordedHost

HOST = RecordedHost(
    {
        "platform": "macos",
        "files": {"/good": {"plist": {"a": 1}}, "/list": {"plist": [1]}, "/bad": "no list"},
        "programs": {
            "IOREG good": {"plist": [1]},
            "IOREG text": {"plist": "text"},
            "IOREG failed": {"status": 3, "plist": [1]},
        },
    }
)


def test_only_a_program_that_succeeded_is_believed() -> None:
    assert succeeded(Program.IOREG, Completed(0, b"out", b"err")) == b"out"
    with pytest.raises(SourceConflictError, match="exit status 3"):
        printed_plist(HOST, Program.IOREG, "failed")


def test_a_printed_list_is_a_container() -> None:
    assert printed_plist(HOST, Program.IOREG, "good") == [1]
    with pytest.raises(SourceConflictError):
        printed_plist(HOST, Program.IOREG, "text")


def test_a_file_holds_a_dictionary() -> None:
    assert plist_file(HOST, "/good") == {"a": 1}
    for path in ("/list", "/bad"):
        with pytest.raises(SourceConflictError):
            plist_file(HOST, path)
    with pytest.raises(SourceMissingError):
        plist_file(HOST, "/absent")


def test_json_that_is_none_is_a_conflict_of_its_source() -> None:
    assert parsed_json("x", b'{"a": [1.5]}') == {"a": [1.5]}
    for broken in (b"", b"{", b'{"a": 1, "a": 2}', b"NaN"):
        with pytest.raises(SourceConflictError) as found:
            parsed_json("program", broken)
        assert found.value.name == "program"


def test_an_inquiry_notes_every_answer_and_every_refusal() -> None:
    inquiry = Inquiry()

    def refuse() -> int:
        raise SourceDeniedError("inner name", "EPERM")

    assert inquiry.ask("first", lambda: 1) == 1
    assert inquiry.is_complete
    assert inquiry.ask("second", refuse) is None
    assert inquiry.ask("third", refuse, otherwise="other") == "other"
    inquiry.contradict("fourth", "two of them disagree")
    outcomes = [(source.name, source.outcome) for source in inquiry.sources]
    assert outcomes == [
        ("first", SourceOutcome.READ),
        ("second", SourceOutcome.DENIED),
        ("third", SourceOutcome.DENIED),
        ("fourth", SourceOutcome.CONFLICT),
    ]
    assert not inquiry.is_complete
