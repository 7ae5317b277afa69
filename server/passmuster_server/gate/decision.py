"""The one decision that every door of the gate gives: may this person in, and if not, why not.

Pure: it looks at standings and the time it is given, and at nothing else.
"""

from datetime import datetime
from enum import StrEnum

import msgspec

from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.policy.document import Devices
from passmuster_server.policy.standing import DeviceStatus, Standing
from passmuster_server.policy.standings import Standings


class Proof(StrEnum):
    """How it is known which device the person is at."""

    NONE = "none"
    """The browser could have proven one and did not."""
    PERSON = "person"
    """Not at all: the answer speaks for the person's devices."""
    CALLER = "caller"
    """The caller named the device and vouches for it."""
    LOOPBACK = "loopback"
    """The browser was at the device, whose key signed its challenge."""
    NUMBER = "number"
    """The worker typed at the device the number that the browser showed, and agreed."""
    ELSEWHERE = "elsewhere"
    """One of these two, from another address than the device's where policy wants the same."""
    BREAK_GLASS = "break_glass"
    """None was: IT has let this person in once by a code."""


class Cause(StrEnum):
    """Why a device, or a person without one, passes or does not."""

    COMPLIANT = "compliant"
    GRACE = "grace"
    GRACE_OVER = "grace_over"
    NON_COMPLIANT = "non_compliant"
    UNREADABLE = "unreadable"
    STALE = "stale"
    NEVER_REPORTED = "never_reported"
    CONFLICT = "conflict"
    PENDING = "pending"
    REVOKED = "revoked"
    RETIRED = "retired"
    LOST = "lost"
    OTHER_OWNER = "other_owner"
    UNKNOWN_DEVICE = "unknown_device"
    NO_DEVICE = "no_device"
    NOT_PROVEN = "not_proven"
    ELSEWHERE = "elsewhere"
    NOT_A_PERSON = "not_a_person"
    BREAK_GLASS = "break_glass"


PASSING = frozenset({Cause.COMPLIANT, Cause.GRACE})

_OUT_OF_SERVICE = {
    DeviceStatus.PENDING: Cause.PENDING,
    DeviceStatus.REVOKED: Cause.REVOKED,
    DeviceStatus.RETIRED: Cause.RETIRED,
    DeviceStatus.LOST: Cause.LOST,
}


# A member of an enumeration is looked for each time that it is written out, which takes most of the
# time of the usual answer: those on its way have names of their own.
_BY_GLASS, _ELSEWHERE, _UNPROVEN = Proof.BREAK_GLASS, Proof.ELSEWHERE, Proof.NONE
_COMPLIANT = Cause.COMPLIANT
_PROVEN = Devices.PROVEN
_ACTIVE = DeviceStatus.ACTIVE
_IS_COMPLIANT = Verdict.COMPLIANT


class Question(msgspec.Struct, frozen=True, gc=False):
    """Whether `person` may use `application` now, from `device` or (None) any device of theirs.

    With `must_prove` the person's devices alone will not do, whatever policy says.
    """

    organisation: str
    person: str
    application: str
    device: str | None = None
    proof: Proof = Proof.PERSON
    subject_type: str = "user"
    must_prove: bool = False


class DeviceFinding(msgspec.Struct, frozen=True, gc=False):
    """What one device contributes. `standing` is None where there is none to be looked at."""

    device: str
    cause: Cause
    standing: Standing | None

    @property
    def passes(self) -> bool:
        """Whether this device alone would be let in."""
        return self.cause in PASSING


class Decision(msgspec.Struct, frozen=True, gc=False):
    """Allow or deny, with what it rests on.

    `findings` are the devices that decided: those that pass of an allow, those in the way of a
    deny. `cause` is set where no device is to blame. An allow during grace ends at `grace_until`.
    """

    allowed: bool
    cause: Cause | None
    findings: tuple[DeviceFinding, ...]
    grace_until: datetime | None


def decide(
    question: Question, standings: Standings, now: datetime, requirement: Devices
) -> Decision:
    """Return the answer to `question` at `now`. Whatever is not known to pass is denied."""
    if question.subject_type != "user":
        return Decision(False, Cause.NOT_A_PERSON, (), None)
    if question.proof is _BY_GLASS:
        return Decision(True, Cause.BREAK_GLASS, (), None)
    if question.proof is _ELSEWHERE:
        return Decision(False, Cause.ELSEWHERE, (), None)
    if question.device is not None:
        standing = standings.of_device(question.organisation, question.device)
        finding = _named(question, standing, now)
        return _of_findings((finding,), Devices.ALL)
    is_missing = question.must_prove or question.proof is _UNPROVEN
    if requirement is _PROVEN or is_missing:
        return Decision(False, Cause.NOT_PROVEN, (), None)
    owned = standings.of_owner(question.organisation, question.person)
    if not owned:
        return Decision(False, Cause.NO_DEVICE, (), None)
    if len(owned) == 1:
        return _of_findings((_found(owned[0], now),), requirement)
    # What IT took out of service is no longer the person's device: a lost laptop must not lock out
    # its owner on the new one. Nor must one that somebody enrolled in this person's name and nobody
    # approved. Each still explains the denial where there is no other.
    in_service = [item for item in owned if item.status not in _OUT_OF_SERVICE]
    return _of_findings(tuple([_found(item, now) for item in in_service or owned]), requirement)


def _named(question: Question, standing: Standing | None, now: datetime) -> DeviceFinding:
    assert question.device is not None  # noqa: S101 - asked for a named device alone
    if standing is None:
        return DeviceFinding(question.device, Cause.UNKNOWN_DEVICE, None)
    if standing.owner.casefold() != question.person.casefold():
        # Nothing of somebody else's laptop reaches this person's reasons.
        return DeviceFinding(question.device, Cause.OTHER_OWNER, None)
    return _found(standing, now)


def _found(standing: Standing, now: datetime) -> DeviceFinding:
    return DeviceFinding(standing.device, cause_of(standing, now), standing)


def cause_of(standing: Standing, now: datetime) -> Cause:
    """Return why the device, looked at alone, passes at `now` or does not."""
    if standing.status is not _ACTIVE:
        return _OUT_OF_SERVICE.get(standing.status, Cause.CONFLICT)
    verdict = standing.verdict_at(now)
    if verdict is _IS_COMPLIANT:
        return _COMPLIANT
    if verdict is Verdict.GRACE:
        return Cause.GRACE
    if verdict is Verdict.NON_COMPLIANT:
        return Cause.GRACE_OVER if standing.verdict is Verdict.GRACE else Cause.NON_COMPLIANT
    if standing.last_seen is None:
        return Cause.NEVER_REPORTED
    age_s = (now - standing.last_seen).total_seconds()
    return Cause.UNREADABLE if 0 <= age_s <= standing.max_age_s else Cause.STALE


def _of_findings(findings: tuple[DeviceFinding, ...], requirement: Devices) -> Decision:
    if len(findings) == 1 and findings[0].cause is _COMPLIANT:
        return Decision(True, None, findings, None)
    passing = tuple([finding for finding in findings if finding.cause in PASSING])
    failing = tuple([finding for finding in findings if finding.cause not in PASSING])
    if failing and (requirement is Devices.ALL or not passing):
        return Decision(False, None, failing, None)
    return Decision(True, None, passing, _grace_until(passing, requirement))


def _grace_until(passing: tuple[DeviceFinding, ...], requirement: Devices) -> datetime | None:
    ends = [
        finding.standing.grace_until
        for finding in passing
        if finding.cause is Cause.GRACE and finding.standing is not None
    ]
    limits = [end for end in ends if end is not None]
    if requirement is Devices.ALL:
        return min(limits, default=None)
    # One laptop that is simply compliant carries the allow on beyond the others' grace.
    return None if len(limits) < len(passing) else max(limits, default=None)
