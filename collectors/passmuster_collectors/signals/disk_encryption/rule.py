"""Which volumes have to be encrypted, and with what."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from passmuster_collectors.contract.declaration import Items
from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.signals.disk_encryption.facts import (
    DiskEncryptionFacts,
    Method,
    Role,
    State,
    Volume,
)
from passmuster_collectors.signals.signal import UNREADABLE as UNREADABLE_KEY
from passmuster_collectors.signals.signal import Finding, finding
from passmuster_collectors.signals.strictness import Stricter


class Problem(StrEnum):
    """What can be wrong with a volume."""

    SYSTEM_UNENCRYPTED = "system_unencrypted"
    ONLY_HOME_ENCRYPTED = "only_home_encrypted"
    VOLUME_UNENCRYPTED = "volume_unencrypted"
    SWAP_UNENCRYPTED = "swap_unencrypted"
    KEY_EXPOSED = "key_exposed"
    SUSPENDED = "suspended"
    DECRYPTING = "decrypting"
    ENCRYPTING = "encrypting"
    METHOD_FORBIDDEN = "method_forbidden"
    VOLUME_UNCLEAR = "volume_unclear"
    SYSTEM_MISSING = "system_missing"
    UNREADABLE = UNREADABLE_KEY


@dataclass(frozen=True)
class DiskEncryptionLimits:
    """What has to be encrypted: every volume in one of `required_roles`.

    `forbidden_methods` do not count as encryption, `hardware` for example.
    """

    required_roles: Annotated[tuple[Role, ...], Items(most=4), Stricter.MORE] = tuple(Role)
    forbidden_methods: Annotated[tuple[Method, ...], Items(most=10), Stricter.MORE] = ()


def judge(facts: DiskEncryptionFacts, limits: DiskEncryptionLimits) -> tuple[Finding, ...]:
    """Return what is wrong with the volumes; every one counts, not the best of them.

    A computer that names no system volume has not told all: that is unknown, never a pass.
    """
    required = [volume for volume in facts.volumes if volume.role in limits.required_roles]
    home_is_encrypted = any(
        volume.role is Role.HOME and volume.state is State.ENCRYPTED for volume in facts.volumes
    )
    findings = [
        found
        for volume in required
        for found in _judge(volume, limits, home_is_encrypted=home_is_encrypted)
    ]
    has_system = any(volume.role is Role.SYSTEM for volume in required)
    if Role.SYSTEM in limits.required_roles and not has_system:
        findings.append(finding(Problem.SYSTEM_MISSING, Outcome.UNKNOWN))
    return tuple(findings)


def _judge(
    volume: Volume, limits: DiskEncryptionLimits, *, home_is_encrypted: bool
) -> Iterator[Finding]:
    details = {"mount": volume.mount, "method": volume.method.value}
    match volume.state:
        case State.ENCRYPTED:
            if volume.method in limits.forbidden_methods:
                yield finding(Problem.METHOD_FORBIDDEN, Outcome.FAIL, **details)
        case State.UNENCRYPTED:
            problem = _unencrypted(volume.role, home_is_encrypted=home_is_encrypted)
            yield finding(problem, Outcome.FAIL, **details)
        case State.ENCRYPTING:
            yield finding(Problem.ENCRYPTING, Outcome.TRANSITIONING, **details)
        case State.DECRYPTING:
            yield finding(Problem.DECRYPTING, Outcome.FAIL, **details)
        case State.SUSPENDED:
            yield finding(Problem.SUSPENDED, Outcome.FAIL, **details)
        case State.KEY_EXPOSED:
            yield finding(Problem.KEY_EXPOSED, Outcome.FAIL, **details)
        case State.UNKNOWN:
            yield finding(Problem.VOLUME_UNCLEAR, Outcome.UNKNOWN, **details)


def _unencrypted(role: Role, *, home_is_encrypted: bool) -> Problem:
    if role is Role.SWAP:
        return Problem.SWAP_UNENCRYPTED
    if role is Role.SYSTEM:
        return Problem.ONLY_HOME_ENCRYPTED if home_is_encrypted else Problem.SYSTEM_UNENCRYPTED
    return Problem.VOLUME_UNENCRYPTED
