"""What the guides of docs/sso tell an administrator to type is what the server takes."""

import re
import shlex

import pytest

from tests.support.running_server import RunningServer
from tests.support.tools import REPOSITORY

GUIDES = REPOSITORY / "docs" / "sso"
PLACEHOLDERS = {
    "REDIRECT_URI_OF_THE_PROFILE": "https://accounts.google.com/samlrp/callback",
    "TENANT_ID": "9122040d-6c67-4c5b-b112-36a304b66dad",
    "APP_ID": "2f3d5a67-7441-4f1e-aa92-e77ca6b5a5ca",
}


def commands(name: str) -> list[str]:
    """Return the commands that a guide shows, each on one line."""
    text = (GUIDES / f"{name}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.startswith("passmuster-server oidc-client")]


@pytest.mark.parametrize(
    "name",
    [
        "apache",
        "authentik",
        "entra",
        "google-workspace",
        "keycloak",
        "okta",
        "openid-connect",
    ],
)
def test_the_commands_of_the_guide_are_taken(server: RunningServer, name: str) -> None:
    found = commands(name)
    assert found
    for line in found:
        filled = line.replace(" helpdesk", f" {name}-helpdesk")
        for shown, used in PLACEHOLDERS.items():
            filled = filled.replace(shown, used)
        done = server.command(*shlex.split(filled)[1:], check=False)
        assert done.returncode == 0, f"{filled}: {done.stderr}"


def test_every_guide_says_whether_it_was_run() -> None:
    for name in ("authentik", "entra", "google-workspace", "keycloak", "okta"):
        text = (GUIDES / f"{name}.md").read_text(encoding="utf-8")
        assert re.search(r"\*\*Follows \w+'s documentation; not run (here|against)", text), name
    assert "The tests run this text" in (GUIDES / "apache.md").read_text(encoding="utf-8")
