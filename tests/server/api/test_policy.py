"""The policy in force over HTTP."""

import httpx

from tests.server.api.conftest import POLICY
from tests.support.clocked_server import ClockedServer


def test_the_policy_is_told_as_it_was_published(reader: httpx.Client) -> None:
    found = reader.get("/api/v1/policy").json()
    assert found["document"] == POLICY
    assert found["version"] >= 1
    assert found["published_at"].endswith("Z")


def test_its_tag_changes_when_another_one_is_published(
    server: ClockedServer, reader: httpx.Client
) -> None:
    tag = {"If-None-Match": reader.get("/api/v1/policy").headers["ETag"]}
    assert reader.get("/api/v1/policy", headers=tag).status_code == 304
    server.publish_policy(f"{POLICY}\n# Another.\n")
    changed = reader.get("/api/v1/policy", headers=tag)
    assert changed.status_code == 200
    assert "# Another." in changed.json()["document"]
