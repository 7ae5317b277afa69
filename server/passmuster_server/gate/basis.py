"""What a decision rests on, as it is stored with it."""

import msgspec

from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.gate import words
from passmuster_server.gate.decision import Cause, Decision, DeviceFinding

_encode = msgspec.json.Encoder().encode
_COMPLIANT = Cause.COMPLIANT


class _DeviceBasis(msgspec.Struct, omit_defaults=True):
    """What a decision rests on, of one device."""

    device: str
    cause: Cause
    verdict: Verdict | None = None
    policy_version: int | None = None
    report_sequence: int | None = None
    reasons: tuple[dict[str, str], ...] = ()


def basis_of(decision: Decision) -> bytes:
    """Return JSON: each device, its verdict, and the report that it rests on."""
    if decision.cause is not None:
        return _encode({"cause": decision.cause, "devices": ()})
    return _encode({"devices": [_device_basis(item) for item in decision.findings]})


def _device_basis(finding: DeviceFinding) -> _DeviceBasis:
    standing = finding.standing
    if standing is None:
        return _DeviceBasis(finding.device, finding.cause)
    return _DeviceBasis(
        finding.device,
        finding.cause,
        standing.verdict,
        standing.policy_version,
        standing.report_sequence,
        () if finding.cause is _COMPLIANT else _reasons(finding),
    )


def _reasons(finding: DeviceFinding) -> tuple[dict[str, str], ...]:
    return tuple(
        {"signal": reason.signal, "outcome": reason.outcome, "text": reason.admin}
        for reason in words.reasons_of(finding)
    )
