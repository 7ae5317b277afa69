"""An identity provider of the tests': it signs hints, and publishes the keys that they are by."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey


class IdentityProvider:
    """Signs by `key`. `issuer` and `keys_url` are loopback addresses; `asked` counts look-ups."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.key: RSAKey | ECKey = RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})
        self.published: list[dict[str, Any]] = []
        self.asked = 0
        self.publish()

    @property
    def keys_url(self) -> str:
        """Where the keys are published."""
        return f"{self.issuer}/keys"

    def publish(self) -> None:
        """Publish the key, beside a shared secret that has no business there."""
        public = dict(self.key.as_dict(private=False))
        self.published = [public, {"kty": "oct", "kid": "secret", "k": "c2VjcmV0"}]

    def rotate(self, key: RSAKey | ECKey) -> None:
        """Sign by another key from now on."""
        self.key = key
        self.publish()

    def claims(self, audience: str, **changed: Any) -> dict[str, Any]:
        """Return what Entra ID says in a hint, whose example its documentation gives."""
        now = int(time.time())
        claims = {
            "ver": "2.0",
            "iss": self.issuer,
            "sub": "mBfcvuhSHkDWVgV72x2ruIYdSsPSvcj2R0qfc6mGEAA",
            "aud": audience,
            "exp": now - 1,
            "iat": now,
            "nbf": now,
            "name": "Ana",
            "preferred_username": "ana@example.com",
            "oid": "951ddb04-b16d-45f3-bbf7-b0fa18fa7aee",
            "tid": "14c2f153-90a7-4689-9db7-9543bf084dad",
            **changed,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def hint(self, audience: str, **changed: Any) -> str:
        """Return a signed hint; claims that are None are left out."""
        algorithm = "ES256" if isinstance(self.key, ECKey) else "RS256"
        header = {"alg": algorithm, "kid": self.key.kid, "typ": "JWT"}
        return jwt.encode(header, self.claims(audience, **changed), self.key)


@contextlib.contextmanager
def identity_provider() -> Iterator[IdentityProvider]:
    """Run one on loopback."""
    provider: IdentityProvider | None = None

    class Keys(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            assert provider is not None
            provider.asked += 1
            body = json.dumps({"keys": provider.published}).encode()
            self.send_response(200 if self.path == "/keys" else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - inherited
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Keys) as server:
        provider = IdentityProvider(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield provider
        finally:
            server.shutdown()
            thread.join()
