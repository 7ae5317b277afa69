"""A receiver's side of our transmitter's API: its token, its streams, its polls."""

from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.running_server import RunningServer
from tests.support.signal_receiver import POLL, PUSH, Checker, Signal


@dataclass
class Subscriber:
    """A receiver that may manage its streams, with a short-lived token."""

    server: RunningServer
    client: httpx.Client
    client_id: str
    secret: str
    token: str = ""

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        return self.client.request(method, path, headers=headers, **more)

    def create(self, **configuration: Any) -> dict[str, Any]:
        response = self.request("POST", "/ssf/stream", json=configuration)
        assert response.status_code == 201, response.text
        stream: dict[str, Any] = response.json()
        return stream

    def create_push(self, url: str, credential: str | None = None, **more: Any) -> dict[str, Any]:
        delivery: dict[str, Any] = {"method": PUSH, "endpoint_url": url}
        if credential is not None:
            delivery["authorization_header"] = credential
        return self.create(delivery=delivery, **more)

    def create_poll(self, **more: Any) -> dict[str, Any]:
        return self.create(delivery={"method": POLL}, **more)

    def delete(self, stream: dict[str, Any]) -> None:
        response = self.request("DELETE", f"/ssf/stream?stream_id={stream['stream_id']}")
        assert response.status_code == 204, response.text

    def set_status(self, stream: dict[str, Any], status: str) -> None:
        body = {"stream_id": stream["stream_id"], "status": status}
        response = self.request("POST", "/ssf/status", json=body)
        assert response.status_code == 200, response.text

    def poll(self, stream: dict[str, Any], **body: Any) -> dict[str, Any]:
        path = stream["delivery"]["endpoint_url"].removeprefix(self.server.url)
        response = self.request("POST", path, json={"returnImmediately": True, **body}, timeout=40)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def fetch_all(self, stream: dict[str, Any], checker: Checker) -> list[Signal]:
        """Return what waits, checked and acknowledged, page by page."""
        signals: list[Signal] = []
        done: list[str] = []
        while True:
            answer = self.poll(stream, ack=done)
            page = [checker.check(token) for token in answer["sets"].values()]
            assert [each.jti for each in page] == list(answer["sets"])
            if not page:
                return signals
            signals += page
            done = [each.jti for each in page]


def subscriber(
    server: RunningServer, client: httpx.Client, name: str, *arguments: str
) -> Subscriber:
    """Return a new receiver that may manage streams; `arguments` are more of `gate-client`."""
    scopes = () if "--scope" in arguments else ("--scope", "ssf.manage", "--scope", "ssf.read")
    printed = server.command("gate-client", name, "--oauth", *scopes, *arguments).stdout.split()
    found = Subscriber(server, client, printed[-2], printed[-1])
    response = client.post(
        "/oauth2/token",
        auth=(found.client_id, found.secret),
        data={"grant_type": "client_credentials"},
    )
    assert response.status_code == 200, response.text
    found.token = response.json()["access_token"]
    return found
