"""A receiver of shared signals, written from the specifications and not from our transmitter.

SSF 1.0 and CAEP 1.0, SETs by RFC 8417, pushes by RFC 8935, polls by RFC 8936, subjects by RFC 9493.
It checks every token that reaches it, with nothing of the product's own code.
"""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

COMPLIANCE_CHANGE = "https://schemas.openid.net/secevent/caep/event-type/device-compliance-change"
SESSION_REVOKED = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
VERIFICATION = "https://schemas.openid.net/secevent/ssf/event-type/verification"

PUSH = "urn:ietf:rfc:8935"
POLL = "urn:ietf:rfc:8936"

_SUBJECTS = {"email": {"email"}, "iss_sub": {"iss", "sub"}, "opaque": {"id"}}
_OPTIONAL = {"event_timestamp", "initiating_entity", "reason_admin", "reason_user"}


class SetError(Exception):
    """A SET that breaks a rule; `err` is the code of RFC 8935, section 2.4."""

    def __init__(self, err: str, description: str) -> None:
        super().__init__(f"{err}: {description}")
        self.err = err
        self.description = description


@dataclass(frozen=True)
class Signal:
    """One event that was checked. `device` and `user` are what its subject names."""

    jti: str
    type: str
    content: dict[str, Any]
    subject: dict[str, Any]
    at: float

    @property
    def status(self) -> str:
        return str(self.content.get("current_status", ""))

    @property
    def device(self) -> str:
        if self.subject["format"] == "opaque":
            return str(self.subject["id"])
        return str(self.subject["device"]["sub"])


class Checker:
    """Checks SETs of one transmitter for one audience, by the keys that its metadata point to."""

    def __init__(self, issuer: str, audience: str) -> None:
        self.audience = audience
        with httpx.Client(trust_env=False, timeout=20) as client:
            self.metadata = client.get(f"{issuer}/.well-known/ssf-configuration").json()
            assert self.metadata["issuer"] == issuer, "SSF 1.0, 7.2.4: the issuer that was asked"
            self.take_keys(client.get(self.metadata["jwks_uri"]).json())

    def take_keys(self, key_set: Any) -> None:
        """Believe what these keys have signed."""
        self._keys = KeySet.import_key_set(key_set)

    def check(self, token: str) -> Signal:
        """Return the event in a SET. Raises `SetError`."""
        try:
            found = jws.deserialize_compact(token, self._keys, algorithms=["RS256"])
            claims = json.loads(found.payload)
        except (JoseError, ValueError) as error:
            raise SetError("invalid_key", str(error)) from error
        header = found.headers()
        if header.get("typ") != "secevent+jwt":  # RFC 8417, 2.3; SSF 1.0, 4.1.7
            raise SetError("invalid_request", "typ is not secevent+jwt")
        if claims.get("iss") != self.metadata["issuer"]:
            raise SetError("invalid_issuer", "another iss")
        audience = claims.get("aud")
        if self.audience not in (audience if isinstance(audience, list) else [audience]):
            raise SetError("invalid_audience", "not for us")
        for name in ("exp", "sub"):  # SSF 1.0, 4.1.2 and 4.1.3
            if name in claims:
                raise SetError("invalid_request", f"has {name}")
        if not isinstance(claims.get("jti"), str) or not claims["jti"]:
            raise SetError("invalid_request", "no jti")
        issued = claims.get("iat")
        if type(issued) is not int or abs(issued - time.time()) > 86_400:
            raise SetError("invalid_request", f"iat: {issued}")
        events = claims.get("events")
        if not isinstance(events, dict) or len(events) != 1:
            raise SetError("invalid_request", "the profile wants exactly one event")
        ((kind, content),) = events.items()
        subject = claims.get("sub_id")
        _check_subject(subject)
        _check_content(kind, content, subject)
        return Signal(claims["jti"], kind, content, subject, time.monotonic())


@dataclass
class Receiver:
    """An HTTP endpoint that takes pushes.

    `answer` may look at a signal first and return another status, with an error code or not.
    """

    checker: Checker | None = None
    credential: str | None = None
    url: str = ""
    signals: list[Signal] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    pushes: int = 0
    answer: Callable[["Receiver", Signal], tuple[int, str]] = lambda _, __: (202, "")
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def take(self, headers: Any, body: bytes) -> tuple[int, dict[str, str] | None]:
        with self.arrived:
            self.pushes += 1
            self.arrived.notify_all()
            if headers["Content-Type"] != "application/secevent+jwt":
                self.problems.append("RFC 8935, 2.1: the content type")
                return 400, {"err": "invalid_request", "description": "content type"}
            if headers["Accept"] != "application/json":
                self.problems.append("RFC 8935, 2.1: Accept")
            if headers["Authorization"] != self.credential:
                return 400, {"err": "authentication_failed", "description": "who are you?"}
            assert self.checker is not None, "the receiver needs to know its transmitter"
            try:
                signal = self.checker.check(body.decode("ascii"))
            except SetError as error:
                self.problems.append(str(error))
                return 400, {"err": error.err, "description": error.description}
            status, err = self.answer(self, signal)
            if status == 202:
                self.signals.append(signal)
                self.arrived.notify_all()
            return status, {"err": err, "description": ""} if err else None

    def wait_for(self, condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
        """Wait until the condition holds, looking each time something arrives."""
        with self.arrived:
            held = self.arrived.wait_for(condition, timeout_s)
        assert self.problems == [], f"the receiver found: {self.problems}"
        assert held, f"{self.pushes} pushes, taken: {[each.type for each in self.signals]}"

    def statuses(self, device: str) -> list[str]:
        """Return the statuses told of a device, in order, each event once."""
        seen: dict[str, str] = {}
        for each in self.signals:
            if each.type == COMPLIANCE_CHANGE and each.device == device:
                seen.setdefault(each.jti, each.status)
        return list(seen.values())


@contextlib.contextmanager
def listening(port: int = 0) -> Iterator[Receiver]:
    """Run a receiver on loopback."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if len(body) < length:
                # Its sender died in the middle: nothing was received (RFC 9112, section 8).
                self.close_connection = True
                return
            status, error = receiver.take(self.headers, body)
            content = b"" if error is None else json.dumps(error).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - inherited
            pass

    server = _Quiet(("127.0.0.1", port), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/events"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A transmitter that is killed hangs up."""


def _check_subject(subject: Any, *, nested: bool = False) -> None:
    if not isinstance(subject, dict):
        raise SetError("invalid_request", "no sub_id")
    form = subject.get("format")
    if form == "complex" and not nested:
        members = {name: value for name, value in subject.items() if name != "format"}
        if not members or not set(members) <= {"user", "device"}:
            raise SetError("invalid_request", f"sub_id has {sorted(members)}")
        for value in members.values():
            _check_subject(value, nested=True)
    elif form not in _SUBJECTS or set(subject) != {"format", *_SUBJECTS[form]}:
        raise SetError("invalid_request", f"sub_id: {subject}")


def _check_content(kind: str, content: Any, subject: dict[str, Any]) -> None:
    if not isinstance(content, dict):
        raise SetError("invalid_request", "the event is no object")
    if kind == VERIFICATION:
        if set(content) - {"state"} or subject["format"] != "opaque":
            raise SetError("invalid_request", f"verification: {content}")
        return
    own: set[str] = set()
    if kind == COMPLIANCE_CHANGE:
        own = {"previous_status", "current_status"}
        values = {content.get(name) for name in own}
        if values != {"compliant", "not-compliant"}:
            raise SetError("invalid_request", f"statuses: {values}")
    elif kind == SESSION_REVOKED:
        if not content.get("reason_admin"):
            raise SetError("invalid_request", "the profile wants reason_admin")
    else:
        raise SetError("invalid_request", f"not requested: {kind}")
    if set(content) - own - _OPTIONAL:
        raise SetError("invalid_request", f"members: {sorted(content)}")
    if type(content.get("event_timestamp")) is not int:
        raise SetError("invalid_request", "event_timestamp is in seconds")
    if content.get("initiating_entity") not in ("admin", "user", "policy", "system"):
        raise SetError("invalid_request", "initiating_entity")
    for name in ("reason_admin", "reason_user"):
        reasons = content.get(name, {"en": "-"})
        if not reasons or not all(isinstance(text, str) and text for text in reasons.values()):
            raise SetError("invalid_request", f"{name}: {reasons}")
