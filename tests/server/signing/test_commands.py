"""`passmuster-server signing-keys`, as an administrator runs it, and what a server then shows."""

import time
from datetime import timedelta

from passmuster_server.clock import utc_now
from passmuster_server.schema import to_microseconds
from tests.support.running_server import RunningServer


def published(server: RunningServer) -> list[str]:
    with server.client() as client:
        response = client.get("/.well-known/jwks.json")
        assert response.status_code == 200
        assert response.headers["content-type"] == "application/json"
        return [key["kid"] for key in response.json()["keys"]]


def printed(server: RunningServer, *arguments: str) -> dict[str, str]:
    lines = server.command("signing-keys", *arguments).stdout.splitlines()
    return dict(line.split("  ", 1) for line in lines if "  " in line)


def wait_for(server: RunningServer, expected: list[str]) -> None:
    deadline = time.monotonic() + 60
    while published(server) != expected:
        assert time.monotonic() < deadline, f"{published(server)}, not {expected}"
        time.sleep(0.2)


def test_keys_are_shown_rotated_and_taken_back(server: RunningServer) -> None:
    first, second = published(server)
    shown = printed(server)
    assert list(shown) == [first, second]
    assert shown[first].startswith("signs since")
    assert shown[second].startswith("next")

    early = server.command("signing-keys", "--rotate", check=False)
    assert early.returncode == 1
    assert "less than two days" in early.stderr

    ago = to_microseconds(utc_now() - timedelta(days=3))
    server.change("UPDATE signing_keys SET published_at = ?", ago)
    shown = printed(server, "--rotate")
    assert shown[first].startswith("retired")
    assert shown[second].startswith("signs since")
    wait_for(server, list(shown))

    shown = printed(server, "--rotate", "--compromised")
    assert not {first, second} & shown.keys(), "what lay in the store is not trusted any more"
    assert len(shown) == 2
    wait_for(server, list(shown))


def test_compromised_alone_is_refused(server: RunningServer) -> None:
    done = server.command("signing-keys", "--compromised", check=False)
    assert done.returncode == 1
    assert "--rotate" in done.stderr
