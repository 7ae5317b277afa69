"""Who is logged in, by the log of logins, which Linux keeps in the same way."""

import os
import pwd
from types import SimpleNamespace

import psutil
import pytest

from passmuster_collectors.host.macos_people import is_logged_in

ME = os.geteuid()


def test_whoever_the_log_names_is_logged_in(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = SimpleNamespace(name=pwd.getpwuid(ME).pw_name, terminal="console")
    monkeypatch.setattr(psutil, "users", lambda: [entry])
    assert is_logged_in(ME)
    assert not is_logged_in(pwd.getpwnam("nobody").pw_uid)


def test_a_number_without_an_account_is_nobody() -> None:
    assert not is_logged_in(61_184)
