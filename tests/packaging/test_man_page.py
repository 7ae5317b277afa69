"""The manual page tells of every command that there is, and of no other."""

import argparse
import re
import sys

import pytest

from passmuster_agent.commands.parser import parser
from tests.support.tools import REPOSITORY

PAGE = REPOSITORY / "packaging" / "debian" / "passmuster-agent.1"


def commands() -> dict[str, argparse.ArgumentParser]:
    """Return the commands of the agent on this system, by name."""
    (found,) = (each for each in parser()._actions if isinstance(each, argparse._SubParsersAction))
    return dict(found.choices)


def described() -> set[str]:
    """Return the commands that have a paragraph of their own."""
    section = PAGE.read_text(encoding="ascii").partition(".SH COMMANDS")[2].partition(".SH")[0]
    return {
        each.replace("\\-", "-")
        for each in re.findall(r"^\.TP\n\.B ([a-z\\-]+)", section, re.MULTILINE)
    }


def test_it_describes_every_command_of_every_system(monkeypatch: pytest.MonkeyPatch) -> None:
    known: set[str] = set()
    for system in ("linux", "darwin"):
        monkeypatch.setattr(sys, "platform", system)
        known |= set(commands())
    assert described() == known


def test_what_a_command_cannot_do_without_is_shown_with_it() -> None:
    text = PAGE.read_text(encoding="ascii").replace("\\-", "-")
    for name, each in commands().items():
        for action in each._actions:
            if action.required and action.option_strings:
                assert f"{name} {action.option_strings[0]}" in text
