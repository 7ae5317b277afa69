"""`passmuster-server gate-client`, as an administrator runs it."""

import subprocess
import time

import pytest

from tests.support.running_server import RunningServer


def asks(server: RunningServer, token: str) -> int:
    """Return the status that a caller with this token gets for a question."""
    question = {
        "subject": {"type": "user", "id": "nobody@example.com"},
        "action": {"name": "login"},
        "resource": {"type": "application", "id": "helpdesk"},
    }
    with server.client() as client:
        headers = {"Authorization": f"Bearer {token}"}
        return client.post("/access/v1/evaluation", json=question, headers=headers).status_code


def test_a_new_client_may_ask_at_once_while_the_server_runs(server: RunningServer) -> None:
    assert asks(server, "wrong") == 401
    assert asks(server, server.gate_token("keycloak")) == 200


def test_the_token_is_printed_once_and_kept_nowhere(server: RunningServer) -> None:
    printed = server.command("gate-client", "cas").stdout
    token = printed.split()[-1]
    assert printed.count(token) == 1
    assert "shown this once" in printed
    stored = server.stored()
    assert token.encode() not in stored


def test_a_revoked_client_is_refused_within_seconds(server: RunningServer) -> None:
    token = server.gate_token("okta")
    assert asks(server, token) == 200
    server.command("gate-client", "okta", "--revoke")
    deadline = time.monotonic() + 30
    while asks(server, token) != 401:
        assert time.monotonic() < deadline, "a revoked token still works after 30 s"
        time.sleep(0.1)


def failed(server: RunningServer, *arguments: str) -> "subprocess.CompletedProcess[str]":
    done = server.command(*arguments, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done


def test_a_name_that_is_taken_is_told(server: RunningServer) -> None:
    server.gate_token("taken")
    assert "already" in failed(server, "gate-client", "taken").stderr


def test_a_name_that_is_not_there_can_not_be_revoked(server: RunningServer) -> None:
    assert "no client" in failed(server, "gate-client", "absent", "--revoke").stderr


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 129])
def test_a_name_is_one_line_that_can_be_read(server: RunningServer, name: str) -> None:
    assert "NAME" in failed(server, "gate-client", name).stderr
