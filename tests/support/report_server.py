"""The server's side of the protocol in small: real HTTP, real signatures, the real ratchet.

It judges nothing: the verdict is what the test says. It can be told to fail in every way that a
network or a server fails.
"""

import hashlib
import json
import secrets
import ssl
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from joserfc import jws
from joserfc.errors import BadSignatureError
from joserfc.jwk import ECKey

from passmuster_collectors.contract import codec, strict_json
from passmuster_collectors.contract.canonical import base64url, canonical_bytes, digest
from passmuster_collectors.contract.enrolment import (
    PROOF_TYPE,
    Enrolled,
    EnrolmentChallenge,
    EnrolmentFinish,
    EnrolmentProof,
    EnrolmentStart,
    KeyTier,
    PublicKey,
)
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.problem import CONTENT_TYPE, Problem
from passmuster_collectors.contract.report import REPORT_TYPE, Record, Upload
from passmuster_collectors.contract.rotation import PROOF_TYPE as NEW_KEY_TYPE
from passmuster_collectors.contract.rotation import (
    ROTATION_TYPE,
    KeyRotated,
    KeyRotation,
    NewKeyProof,
)
from passmuster_collectors.contract.verdict import Answer, Outcome, SignalVerdict, Verdict

SERVER = "server-under-test"
CODE = "ABCDE-FGHJK-01"


@dataclass(frozen=True)
class Raw:
    """An answer as it goes out: status, headers and body; status 0 hangs up without a word."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


HANG_UP = Raw(0)


@dataclass
class KnownDevice:
    key: Mapping[str, str]
    nonce: str
    sequence: int = 0
    previous_nonce: str = ""
    digest: str = ""
    answer: bytes = b""
    revoked: bool = False


class ReportServer:
    """What a test looks at and turns: `uploads` in the order they counted, `verdict` to answer."""

    def __init__(self) -> None:
        self.url = ""
        self.codes = {CODE.replace("-", ""): "ana@example.com"}
        self.used: set[str] = set()
        self.devices: dict[str, KnownDevice] = {}
        self.uploads: list[Upload] = []
        self.bodies: list[bytes] = []
        self.starts: list[EnrolmentStart] = []
        self.challenges: dict[str, tuple[EnrolmentStart, str]] = {}
        self.verdict = Verdict.COMPLIANT
        self.signals: tuple[SignalVerdict, ...] = ()
        self.report_within_s = 3600
        self.hash_key = secrets.token_bytes(32)
        self.instead: deque[Raw] = deque()
        """Answers to give to reports without looking at them."""
        self.lose: deque[Raw] = deque()
        """Answers to give after a report has counted, in place of the right one."""
        self.rotations: list[bytes] = []
        """Every one that arrived; `tiers` are those of the ones that counted."""
        self.tiers: list[KeyTier] = []
        self.instead_of_rotations: deque[Raw] = deque()
        self.lose_rotations: deque[Raw] = deque()
        self.confirmations: deque[Raw] = deque()
        """What to answer to them without looking."""
        self.judge: Callable[[Upload], Problem | None] = lambda _: None
        self.arrived = threading.Condition()

    @property
    def records(self) -> list[Record]:
        return [record for upload in self.uploads for record in upload.records]

    def wait_for(self, condition: Callable[[], bool], timeout_s: float = 60.0) -> bool:
        """Wait until the condition holds, looking each time something arrives."""
        with self.arrived:
            return self.arrived.wait_for(condition, timeout_s)

    def enrolment(self, body: bytes) -> Raw:
        start = codec.decode(EnrolmentStart, strict_json.parse(body))
        name, challenge = secrets.token_hex(8), base64url(secrets.token_bytes(32))
        self.starts.append(start)
        self.challenges[name] = (start, challenge)
        return _json(codec.encode(EnrolmentChallenge(name, challenge, SERVER)))

    def finish(self, body: bytes) -> Raw:
        message = codec.decode(EnrolmentFinish, strict_json.parse(body))
        start, challenge = self.challenges[message.enrolment]
        if message.code in self.used:
            return refusal(409, "code_used", "The code was used.")
        if message.code not in self.codes:
            return refusal(401, "code_wrong", "The code is wrong.")
        key = codec.encode(start.public_key)
        signed = _verify(message.proof.encode(), key, PROOF_TYPE)
        proof = codec.decode(EnrolmentProof, strict_json.parse(signed))
        credential = hashlib.sha256(message.code.encode()).hexdigest()
        assert proof == EnrolmentProof(
            challenge, start.public_key.thumbprint(), credential, SERVER
        ), "the proof must bind challenge, key, code and server"
        self.used.add(message.code)
        device, nonce = f"device-{len(self.devices) + 1}", base64url(secrets.token_bytes(16))
        self.devices[device] = KnownDevice(key, nonce)
        enrolled = Enrolled(
            device,
            self.codes[message.code],
            SERVER,
            nonce,
            base64url(self.hash_key),
            self.report_within_s,
        )
        return _json(codec.encode(enrolled))

    def report(self, body: bytes, content_type: str) -> Raw:
        assert content_type == "application/jose", content_type
        self.bodies.append(body)
        if self.instead:
            return self.instead.popleft()
        header = jws.extract_compact(body).headers()
        assert header["alg"] == "ES256"
        device = self.devices.get(header["kid"])
        if device is None:
            return refusal(401, "unknown_device", "No such device.")
        if device.revoked:
            return refusal(401, "revoked", "The device is revoked.")
        try:
            payload = _verify(body, device.key, REPORT_TYPE)
        except BadSignatureError:
            return refusal(401, "bad_signature", "The signature is wrong.")
        value = strict_json.parse(payload)
        assert canonical_bytes(value) == payload, "the payload must be in canonical form"
        try:
            upload = codec.decode(Upload, value)
        except ContractError as error:
            return refusal(400, "malformed", error.problem, error.field)
        assert upload.audience == SERVER
        assert (upload.method, upload.url) == ("POST", f"{self.url}/api/v1/reports")
        problem = self.judge(upload)
        if problem is not None:
            return refusal(problem.status, problem.code, problem.detail, problem.field)
        return self._ratchet(device, upload, digest(body))

    def rotation(self, body: bytes) -> Raw:
        """Take a new key in the old one's place; the same message again gets the same answer."""
        self.rotations.append(body)
        if self.instead_of_rotations:
            return self.instead_of_rotations.popleft()
        header = jws.extract_compact(body).headers()
        device = self.devices[header["kid"]]
        if device.revoked:
            return refusal(401, "revoked", "The device is revoked.")
        if digest(body) != device.digest:
            try:
                payload = _verify(body, device.key, ROTATION_TYPE)
            except BadSignatureError:
                return refusal(401, "bad_signature", "The signature is wrong.")
            self._rotate(header["kid"], device, payload, digest(body))
        if self.lose_rotations:
            return self.lose_rotations.popleft()
        return Raw(200, {"Content-Type": "application/json"}, device.answer)

    def _rotate(self, name: str, device: KnownDevice, payload: bytes, body_digest: str) -> None:
        message = codec.decode(KeyRotation, strict_json.parse(payload))
        new = codec.encode(message.public_key)
        proof = codec.decode(
            NewKeyProof, strict_json.parse(_verify(message.proof.encode(), new, NEW_KEY_TYPE))
        )
        assert (message.audience, message.method) == (SERVER, "POST")
        assert message.url == f"{self.url}/api/v1/keys"
        assert (message.sequence, message.nonce) == (device.sequence + 1, device.nonce)
        old = codec.decode(PublicKey, dict(device.key))
        thumbprint = message.public_key.thumbprint()
        assert proof == NewKeyProof(
            name, SERVER, thumbprint, old.thumbprint(), message.tier, message.nonce
        ), "the proof must bind device, server, both keys, tier and nonce"
        device.previous_nonce, device.nonce = device.nonce, base64url(secrets.token_bytes(16))
        device.sequence, device.digest, device.key = message.sequence, body_digest, new
        answer = KeyRotated(1, name, thumbprint, device.nonce)
        device.answer = canonical_bytes(codec.encode(answer))
        self.tiers.append(message.tier)

    def _ratchet(self, device: KnownDevice, upload: Upload, body_digest: str) -> Raw:
        if upload.nonce == device.nonce and upload.sequence == device.sequence + 1:
            device.previous_nonce, device.nonce = device.nonce, base64url(secrets.token_bytes(16))
            device.sequence, device.digest = upload.sequence, body_digest
            answer = Answer(
                1,
                self.verdict,
                datetime.now(UTC),
                1,
                self.signals or self._as_read(upload),
                None,
                device.nonce,
                self.report_within_s,
            )
            device.answer = canonical_bytes(codec.encode(answer))
            self.uploads.append(upload)
        elif (upload.nonce, upload.sequence, body_digest) != (
            device.previous_nonce,
            device.sequence,
            device.digest,
        ):
            return refusal(409, "identity_conflict", "Two copies of one key have reported.")
        if self.lose:
            return self.lose.popleft()
        return Raw(200, {"Content-Type": "application/json"}, device.answer)

    @staticmethod
    def _as_read(upload: Upload) -> tuple[SignalVerdict, ...]:
        latest = upload.records[-1].readings
        return tuple(
            SignalVerdict(each.signal, each.signal, Outcome.UNKNOWN, ("judged by the test",), ())
            for each in latest
        )


def refusal(
    status: int, code: str, detail: str, field: str = "", headers: dict[str, str] | None = None
) -> Raw:
    """Return a problem document (RFC 9457)."""
    problem = Problem("Refused", status, code, detail, field)
    shown = {"Content-Type": CONTENT_TYPE, **(headers or {})}
    return Raw(status, shown, canonical_bytes(codec.encode(problem)))


@contextmanager
def serving(
    server: ReportServer | None = None, certificate: tuple[Path, Path] | None = None
) -> Iterator[ReportServer]:
    """Serve on loopback, under TLS where a certificate and its key are given."""
    served = server or ReportServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = Raw(404)
            with served.arrived:
                if self.path == "/api/v1/enrolment":
                    answer = served.enrolment(body)
                elif self.path == "/api/v1/enrolment/finish":
                    answer = served.finish(body)
                elif self.path == "/api/v1/reports":
                    answer = served.report(body, self.headers["Content-Type"])
                elif self.path == "/api/v1/keys":
                    answer = served.rotation(body)
                elif self.path == "/api/v1/confirmations":
                    answer = served.confirmations.popleft()
                served.arrived.notify_all()
            self.close_connection = True
            if answer.status == 0:
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if "Content-Length" not in answer.headers:
                self.send_header("Content-Length", str(len(answer.body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - inherited
            pass

    with _Quiet(("127.0.0.1", 0), Handler) as listening:
        scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            listening.socket = context.wrap_socket(
                listening.socket, server_side=True, do_handshake_on_connect=False
            )
            scheme = "https"
        served.url = f"{scheme}://127.0.0.1:{listening.server_address[1]}"
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield served
        finally:
            listening.shutdown()
            thread.join()
        assert not listening.failures, listening.failures


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.failures: list[BaseException | None] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exception()
        # Clients hang up and are killed; anything else is a message that broke the protocol.
        if not isinstance(error, OSError):
            self.failures.append(error)


def _json(value: Any) -> Raw:
    return Raw(200, {"Content-Type": "application/json"}, json.dumps(value).encode())


def _verify(compact: bytes, key: Mapping[str, str], kind: str) -> bytes:
    found = jws.deserialize_compact(compact, ECKey.import_key({**key}), algorithms=["ES256"])
    assert found.headers()["typ"] == kind, f"the typ header must be {kind}"
    return found.payload
