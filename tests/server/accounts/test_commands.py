"""`passmuster-server create-admin`, `sign-in-link` and `admin`, as whoever runs it types them."""

from pathlib import Path

import pytest

from tests.support.clocked_server import clocked_server
from tests.support.running_server import RunningServer


def test_a_first_administrator_gets_a_link_to_this_server(server: RunningServer) -> None:
    printed = server.command("create-admin", "--email", "first@example.com").stdout
    link = printed.split()[-1]
    address, _, token = link.partition("#")
    assert address == f"{server.url}/sign-in"
    assert len(token) == 43, "32 random bytes in base64url"
    assert "once, within 15 minutes" in printed


def test_a_further_link_is_another_one(server: RunningServer) -> None:
    first = server.sign_in_link("again@example.com")
    second = server.command("sign-in-link", "--email", "Again@Example.com").stdout.split()[-1]
    assert first != second


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("sign-in-link", "--email", "stranger@example.com"), "see create-admin"),
        (("create-admin", "--email", "no address"), "not an e-mail address"),
        (("sign-in-link", "--email", ""), "not an e-mail address"),
    ],
)
def test_what_can_not_be_done_is_told(
    server: RunningServer, arguments: tuple[str, ...], told: str
) -> None:
    done = server.command(*arguments, check=False)
    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_an_administrator_is_there_once(server: RunningServer) -> None:
    server.sign_in_link("twice@example.com")
    done = server.command("create-admin", "--email", "twice@example.com", check=False)
    assert done.returncode == 1
    assert "see sign-in-link" in done.stderr


@pytest.mark.parametrize("change", [("--disable",), ("--role", "viewer")])
def test_the_last_who_may_change_everything_is_neither_shut_out_nor_made_less(
    tmp_path: Path, change: tuple[str, ...]
) -> None:
    with clocked_server(tmp_path) as server:
        server.command("create-admin", "--email", "last@example.com")
        server.command("create-admin", "--email", "looks@example.com", "--role", "viewer")
        done = server.command("admin", "--email", " Last@example.com", *change, check=False)
        assert done.returncode == 1
        assert "nothing was changed: this is the last administrator" in done.stderr
        assert "Traceback" not in done.stderr
        listed = "last@example.com  administrator  enabled"
        assert listed in server.command("admins").stdout
        assert (
            server.rows("SELECT 1 FROM audit_entries WHERE action = 'administrator.changed'") == []
        )
        server.command("admin", "--email", "last@example.com", "--role", "administrator")
        server.command("create-admin", "--email", "next@example.com")
        server.command("admin", "--email", "last@example.com", *change)
        assert listed not in server.command("admins").stdout
