"""`status`: what is found on this laptop now, how it was judged, and how reporting goes."""

import dataclasses
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from passmuster_agent.advice import SignalStatus, as_judged, server_words, signal_status
from passmuster_agent.collection import DEADLINE_S, recalling
from passmuster_agent.config import Device, State
from passmuster_agent.delivery import KEY_UNUSABLE, Delivery, DeliveryKind
from passmuster_agent.notebook import StateNotebook
from passmuster_agent.outbox import Outbox
from passmuster_agent.outbox_overview import Overview
from passmuster_collectors.contract.enrolment import KeyTier
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.reading import Reading, Status
from passmuster_collectors.contract.verdict import Verdict
from passmuster_collectors.host import this_host
from passmuster_collectors.runner import collect
from passmuster_collectors.signals import CATALOG

VERSION = 1
HASH_KEY_BYTES = 32
SERVICE_STATE = Path("/var/lib/passmuster-agent")
"""Where the Linux service keeps its state; closed to everybody else, but there to be seen."""


@dataclass(frozen=True)
class DeviceStatus:
    """Who this laptop is to its organisation."""

    device: str
    owner: str
    server_url: str
    tier: KeyTier
    fingerprint: str
    key_usable: bool
    """Whether the key signed when it was last asked to."""


class Service(StrEnum):
    """How the one who asks stands to an agent that runs as a service of this laptop."""

    NONE = "none"
    """This is no service's word."""

    TELLS = "tells"
    """All of it is what the service told of the server's answer: nothing was read, and whose
    laptop it is was not told."""

    SILENT = "silent"
    """There is one, and it is not to be asked now: what is shown is not about its enrolment."""


@dataclass(frozen=True)
class AgentStatus:
    """All that `status` tells, also as JSON.

    `verdict` is the server's last; `current` says that it is about what is found now and not older
    than the server allows. `waiting` counts records that the server does not have yet.
    """

    version: int
    device: DeviceStatus | None
    running: bool
    verdict: Verdict | None
    current: bool
    judged_at: datetime | None
    grace_until: datetime | None
    signals: tuple[SignalStatus, ...]
    waiting: int
    set_aside: tuple[str, ...]
    dropped: int
    last_try: Delivery | None
    service: Service = Service.NONE

    @property
    def enrolled(self) -> bool:
        """Whether this laptop is one of the organisation's, its own word or a service's."""
        return self.device is not None or self.service is Service.TELLS


def status(state: State, ask_service: Callable[[], AgentStatus | None]) -> AgentStatus:
    """Read this laptop and tell; where it is not enrolled here, the service's word counts.

    Nothing is sent. Raises `AgentError`.
    """
    device = state.find_device() if state.path.exists() else None
    told = ask_service() if device is None else None
    if told is not None:
        return told
    overview = None
    key = device.hash_key_bytes() if device else secrets.token_bytes(HASH_KEY_BYTES)
    host = this_host(key, notebook=StateNotebook(state.path))
    readings = collect(host, CATALOG, deadline_s=DEADLINE_S)
    if device is not None:
        with Outbox(state.outbox(device)) as outbox:
            overview = outbox.overview()
            readings = recalling(CATALOG, readings, outbox)
    found = describe(device, overview, readings, host.platform, running=state.is_locked())
    if device is None and SERVICE_STATE.exists():
        return dataclasses.replace(found, service=Service.SILENT)
    return found


def allowed_s(
    state: State, signal: str, ask_service: Callable[[], AgentStatus | None]
) -> int | None:
    """Return how soon the organisation wants an unattended session closed, as last told by it.

    None where it has not said so, or nobody can be asked. Raises `AgentError`.
    """
    device = state.find_device() if state.path.exists() else None
    if device is not None:
        with Outbox(state.outbox(device)) as outbox:
            return _allowed(outbox.overview()).get(signal)
    told = ask_service()
    signals = told.signals if told else ()
    return next((each.within_s for each in signals if each.signal == signal), None)


def _allowed(overview: Overview | None) -> Mapping[str, int]:
    """Return what policy allows by signal: it holds whatever was found since the answer."""
    answer = overview.answer if overview else None
    signals = answer.signals if answer else ()
    return {each.signal: each.within_s for each in signals if each.within_s is not None}


def describe(
    device: Device | None,
    overview: Overview | None,
    readings: Sequence[Reading],
    platform: Platform,
    *,
    running: bool,
) -> AgentStatus:
    """Put what was found beside what the server said; `readings` has one for each signal."""
    trusted = overview if overview is not None and is_current(overview) else None
    answer = trusted.answer if trusted else None
    verdicts = {each.signal: each for each in answer.signals} if answer else {}
    latest = trusted.latest if trusted else None
    within_s = _allowed(overview)
    reported = {each.signal: each for each in latest.readings} if latest else {}
    signals = tuple(
        signal_status(
            signal,
            reading,
            platform,
            server_words(signal.id, reading, reported, verdicts),
            within_s.get(signal.id),
        )
        for signal, reading in zip(CATALOG, readings, strict=True)
    )
    # What the server judges without a reading: where the key is kept, and that IT has to approve.
    known = {signal.id for signal in CATALOG}
    others = [as_judged(each, Status.OK) for name, each in verdicts.items() if name not in known]
    return _put_together(
        device, overview, (*signals, *others), current=answer is not None, running=running
    )


def _put_together(
    device: Device | None,
    overview: Overview | None,
    signals: tuple[SignalStatus, ...],
    *,
    current: bool,
    running: bool,
) -> AgentStatus:
    said = overview.answer if overview else None
    return AgentStatus(
        version=VERSION,
        device=_device_status(device, overview) if device else None,
        running=running,
        verdict=said.verdict if said else None,
        current=current,
        judged_at=said.judged_at if said else None,
        grace_until=said.grace_until if said else None,
        signals=signals,
        waiting=overview.waiting if overview else 0,
        set_aside=overview.set_aside if overview else (),
        dropped=overview.dropped if overview else 0,
        last_try=overview.delivery if overview else None,
    )


def is_current(overview: Overview) -> bool:
    """Whether the server's answer is about the newest record and as fresh as the server asks for.

    Both ends of the interval are this laptop's clock, so it matters little that it may be wrong.
    """
    if overview.answered_at is None or not overview.reported or overview.delivery is None:
        return False
    age = datetime.now(UTC) - overview.answered_at
    fresh = timedelta() <= age <= timedelta(seconds=overview.report_within_s)
    return fresh and overview.delivery.kind is DeliveryKind.ACCEPTED


def _device_status(device: Device, overview: Overview | None) -> DeviceStatus:
    last = overview.delivery if overview else None
    return DeviceStatus(
        device.device,
        device.owner,
        device.server_url,
        device.tier,
        device.fingerprint,
        key_usable=last is None or last.code != KEY_UNUSABLE,
    )
