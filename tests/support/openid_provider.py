"""The organisation's identity provider: npm's certified `oidc-provider`, in its own process."""

import contextlib
import json
import re
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx

from tests.support.clocked_server import ClockedServer
from tests.support.npm import installed
from tests.support.relying_party import node
from tests.support.running_server import free_port

SOURCE = Path(__file__).parent / "openid_provider"
ANSWER_WITHIN_S = 30
CLIENT = "passmuster"
SECRET = "a secret of the provider's: 100 % odd & long"
MAX_HOPS = 12


@dataclass
class OpenIdProvider:
    """One that runs; `issuer` is where. `know` tells it of a person."""

    _process: "subprocess.Popen[str]"
    issuer: str = ""

    def do(self, step: str, **request: Any) -> dict[str, Any]:
        """Return what came of a step of `provider.mjs`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"step": step, **request}) + "\n")
        self._process.stdin.flush()
        watch = threading.Timer(ANSWER_WITHIN_S, self._process.kill)
        watch.start()
        try:
            line = self._process.stdout.readline()
        finally:
            watch.cancel()
        assert line, f"the provider ended or did not answer within {ANSWER_WITHIN_S} s"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def know(
        self, name: str, *, amr: tuple[str, ...] = ("pwd", "otp", "mfa"), **claims: Any
    ) -> None:
        """Let `name` log in there; the address is verified unless `claims` say otherwise."""
        told = {"email": f"{name}@example.com", "email_verified": True, **claims}
        self.do("know", name=name, amr=list(amr), **told)

    def settings(self, folder: Path, **changed: Any) -> dict[str, Any]:
        """Return the table `[openid]` by which a server knows it; the secret lies in `folder`."""
        file = folder / "openid-secret"
        file.write_text(SECRET + "\n", encoding="utf-8")
        file.chmod(0o600)
        return {
            "issuer": self.issuer,
            "client_id": CLIENT,
            "client_secret_file": str(file),
            **changed,
        }


@dataclass
class Visitor:
    """A browser as far as HTTP goes: one person's cookies here and at the provider's.

    Like a browser it keeps strict cookies back from what the provider leads it to.
    """

    server: httpx.Client
    provider: httpx.Client
    login: str
    asked: int = 0
    """How often the provider has asked who it is."""
    returned: list[str] = field(default_factory=list)
    """The addresses that the provider sent it back to."""

    def follow(self, path: str) -> httpx.Response:
        """Begin at a path of the server's; return the page where the way ends."""
        response = self.server.get(path)
        for _ in range(MAX_HOPS):
            if response.is_redirect:
                response = self._go(urljoin(str(response.url), response.headers["location"]))
            elif 'action="/interaction/' in response.text:
                self.asked += 1
                action = re.search(r'action="([^"]+)"', response.text)
                assert action
                url = urljoin(str(response.url), action[1])
                response = self.provider.post(url, data={"login": self.login})
            elif found := re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', response.text):
                response = self.server.get(found[1])
            else:
                return response
        raise AssertionError(f"more than {MAX_HOPS} steps")

    def _go(self, url: str) -> httpx.Response:
        if not url.startswith(str(self.server.base_url).rstrip("/")):
            return self.provider.get(url)
        if "/openid/return" not in url:
            return self.server.get(url)
        self.returned.append(url)
        return self.comes_back(url)

    def comes_back(self, url: str) -> httpx.Response:
        """Return the answer to what the provider leads to: with the lax cookie alone."""
        kept = self.server.cookies.get("passmuster_openid") or ""
        with httpx.Client(trust_env=False, timeout=20) as other:
            response = other.get(url, headers={"Cookie": f"passmuster_openid={kept}"})
        self.server.cookies.update(response.cookies)
        return response


@contextlib.contextmanager
def visiting(server_url: str, login: str) -> Iterator[Visitor]:
    """Open a browser of the person whose name at the provider is `login`."""
    with (
        httpx.Client(base_url=server_url, trust_env=False, timeout=20) as server,
        httpx.Client(trust_env=False, timeout=20) as provider,
    ):
        server.headers["Origin"] = server_url
        yield Visitor(server, provider, login)


@contextlib.contextmanager
def server_with_provider(
    folder: Path, **settings: Any
) -> Iterator[tuple[ClockedServer, OpenIdProvider]]:
    """Run a migrated server and the provider that it signs people in by, by the `settings`."""
    server = ClockedServer(folder, free_port())
    server.command("migrate")
    with openid_provider(server.url) as provider:
        server.settings["openid"] = provider.settings(folder, **settings)
        server.start()
        try:
            yield server, provider
        finally:
            server.stop()


@contextlib.contextmanager
def openid_provider(
    public_url: str, *, method: str = "client_secret_basic", in_id_token: bool = False
) -> Iterator[OpenIdProvider]:
    """Run a provider that knows the server at `public_url` as its client.

    `in_id_token`: what it says of a person stands in the ID token, and not in UserInfo alone.
    """
    program = installed(SOURCE, "openid-provider") / "provider.mjs"
    process = subprocess.Popen(
        [node(), program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
    )
    try:
        provider = OpenIdProvider(process)
        started = provider.do(
            "start",
            client=CLIENT,
            secret=SECRET,
            redirect=f"{public_url}/openid/return",
            method=method,
            inIdToken=in_id_token,
        )
        provider.issuer = started["issuer"]
        yield provider
    finally:
        process.kill()
        process.communicate()
