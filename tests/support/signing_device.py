"""The laptop's side of the wire, for tests of the server: a key, the ceremony, signed uploads.

It signs with joserfc, so that the server is not tested against the agent's own code alone.
"""

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
from joserfc import jws
from joserfc.jwk import ECKey

from passmuster_collectors.contract import codec, strict_json
from passmuster_collectors.contract.canonical import canonical_bytes, digest
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
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.reading import Reading
from passmuster_collectors.contract.report import REPORT_TYPE, VERSION, Record, Upload
from passmuster_collectors.contract.rotation import PROOF_TYPE as NEW_KEY_TYPE
from passmuster_collectors.contract.rotation import (
    ROTATION_TYPE,
    KeyRotated,
    KeyRotation,
    NewKeyProof,
)
from passmuster_collectors.contract.verdict import Answer

JOSE = {"Content-Type": "application/jose"}
JSON = {"Content-Type": "application/json"}


@dataclass
class SigningDevice:
    """A laptop that reports what it is told to. `server` is the server's public URL."""

    server: str
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256"))
    computer_name: str = "test-laptop"
    system: str = "Debian GNU/Linux 12"
    platform: Platform = Platform.LINUX
    enrolled: Enrolled | None = None
    sequence: int = 0
    nonce: str = ""
    record_sequence: int = 0
    record_hash: str = ""

    @property
    def public_key(self) -> PublicKey:
        """The public half as the contract writes it."""
        return _public(self.key)

    def start_message(self) -> EnrolmentStart:
        """Return the first message of the ceremony."""
        return EnrolmentStart(
            version=1,
            public_key=self.public_key,
            tier=KeyTier.FILE,
            platform=self.platform,
            computer_name=self.computer_name,
            system=self.system,
            agent_version="0.1.0",
        )

    def finish_message(
        self, challenge: EnrolmentChallenge, code: str, owner: str | None = None
    ) -> EnrolmentFinish:
        """Return the second message of the ceremony."""
        normal = code.upper().replace("-", "").replace(" ", "")
        proof = EnrolmentProof(
            challenge.challenge,
            self.public_key.thumbprint(),
            hashlib.sha256(normal.encode()).hexdigest(),
            challenge.server,
        )
        signed = self.signed(canonical_bytes(codec.encode(proof)), kind=PROOF_TYPE)
        return EnrolmentFinish(1, challenge.enrolment, code, signed, owner)

    def begin(self, client: httpx.Client) -> EnrolmentChallenge:
        """Begin the ceremony."""
        started = post(client, "/api/v1/enrolment", self.start_message())
        started.raise_for_status()
        return codec.decode(EnrolmentChallenge, strict_json.parse(started.content))

    def enroll(self, client: httpx.Client, code: str, owner: str | None = None) -> Enrolled:
        """Go through the ceremony; an `httpx.HTTPStatusError` where the server refuses."""
        challenge = self.begin(client)
        finish = self.finish_message(challenge, code, owner)
        finished = post(client, "/api/v1/enrolment/finish", finish)
        finished.raise_for_status()
        self.enrolled = codec.decode(Enrolled, strict_json.parse(finished.content))
        self.nonce, self.sequence = self.enrolled.nonce, 0
        self.record_sequence, self.record_hash = 0, ""
        return self.enrolled

    @property
    def device(self) -> str:
        """The device's id."""
        assert self.enrolled is not None, "enroll first"
        return self.enrolled.device

    def record(self, readings: Iterable[Reading]) -> Record:
        """Return the next record of the chain."""
        record = Record(
            version=VERSION,
            device=self.device,
            record_id=f"{self.record_sequence + 1:032x}",
            sequence=self.record_sequence + 1,
            previous=self.record_hash,
            collected_at=datetime.now(UTC),
            boot_id="4a3c6d1e-0000-4000-8000-000000000001",
            uptime_s=3600,
            platform=self.platform,
            agent_version="0.1.0",
            readings=tuple(readings),
        )
        self.record_sequence += 1
        self.record_hash = digest(canonical_bytes(codec.encode(record)))
        return record

    def upload(self, *records: Record, **changes: Any) -> Upload:
        """Return the next upload; `changes` replace its fields, for one that is wrong."""
        assert self.enrolled is not None, "enroll first"
        upload = Upload(
            version=VERSION,
            audience=self.enrolled.server,
            method="POST",
            url=f"{self.server}/api/v1/reports",
            sequence=self.sequence + 1,
            nonce=self.nonce,
            sent_at=datetime.now(UTC),
            records=records,
        )
        return dataclasses.replace(upload, **changes)

    def signed(
        self, payload: bytes, *, kind: str = REPORT_TYPE, header: Mapping[str, Any] | None = None
    ) -> str:
        """Return a compact JWS over `payload`; `header` adds to or replaces the usual one."""
        name = self.public_key.thumbprint() if self.enrolled is None else self.enrolled.device
        protected: dict[str, Any] = {"alg": "ES256", "typ": kind, "kid": name}
        return jws.serialize_compact({**protected, **(header or {})}, payload, self.key)

    def signed_upload(self, upload: Upload) -> bytes:
        """Return the upload as it is sent."""
        return self.signed(canonical_bytes(codec.encode(upload))).encode()

    def rotation(self, new: ECKey, **changes: Any) -> KeyRotation:
        """Return the message by which `new` takes this key's place; `changes` make it wrong."""
        assert self.enrolled is not None, "enroll first"
        public = _public(new)
        tier = changes.get("tier", KeyTier.HARDWARE)
        proof = NewKeyProof(
            self.device,
            self.enrolled.server,
            public.thumbprint(),
            self.public_key.thumbprint(),
            tier,
            changes.get("nonce", self.nonce),
        )
        proof = dataclasses.replace(proof, **changes.pop("proven", {}))
        rotation = KeyRotation(
            version=1,
            audience=self.enrolled.server,
            method="POST",
            url=f"{self.server}/api/v1/keys",
            sequence=self.sequence + 1,
            nonce=self.nonce,
            sent_at=datetime.now(UTC),
            public_key=public,
            tier=tier,
            proof=jws.serialize_compact(
                {"alg": "ES256", "typ": NEW_KEY_TYPE, "kid": public.thumbprint()},
                canonical_bytes(codec.encode(proof)),
                changes.pop("proof_key", new),
            ),
        )
        return dataclasses.replace(rotation, **changes)

    def signed_rotation(self, rotation: KeyRotation) -> bytes:
        """Return the rotation as it is sent."""
        payload = canonical_bytes(codec.encode(rotation))
        return self.signed(payload, kind=ROTATION_TYPE).encode()

    def rotate(self, client: httpx.Client, new: ECKey, tier: KeyTier = KeyTier.HARDWARE) -> None:
        """Let `new` take this key's place, from now on."""
        body = self.signed_rotation(self.rotation(new, tier=tier))
        response = client.post("/api/v1/keys", content=body, headers=JOSE)
        response.raise_for_status()
        rotated = codec.decode(KeyRotated, strict_json.parse(response.content))
        self.key, self.sequence, self.nonce = new, self.sequence + 1, rotated.nonce

    def send(
        self, client: httpx.Client, body: bytes, headers: Mapping[str, str] = JOSE
    ) -> httpx.Response:
        """Post a signed upload and return the response, whatever its status."""
        return client.post("/api/v1/reports", content=body, headers={**JOSE, **headers})

    def report(self, client: httpx.Client, readings: Iterable[Reading]) -> Answer:
        """Report the readings and return the answer; moves on to the next upload."""
        response = self.send(client, self.signed_upload(self.upload(self.record(readings))))
        response.raise_for_status()
        return self.accept(response)

    def accept(self, response: httpx.Response) -> Answer:
        """Take the answer of an upload and move on."""
        answer = codec.decode(Answer, strict_json.parse(response.content))
        self.sequence, self.nonce = self.sequence + 1, answer.nonce
        return answer


def _public(key: ECKey) -> PublicKey:
    exported = key.as_dict(private=False)
    return PublicKey("EC", "P-256", str(exported["x"]), str(exported["y"]))


def post(client: httpx.Client, path: str, message: object) -> httpx.Response:
    """Post a message of the contract as JSON."""
    return client.post(path, content=canonical_bytes(codec.encode(message)), headers=JSON)
